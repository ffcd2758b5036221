import jsep from 'jsep'

/**
 * Reads an expression of CloudWatch: metric math, an alarm's rule, a filter of Logs Insights. They share one grammar, in
 * which AND, OR and NOT are words; what is in quotes is left alone.
 *
 * @throws Error for what is no expression.
 */
export const parse = (text: string): jsep.Expression =>
  jsep(text.replaceAll(/"[^"]*"|'[^']*'|\b(?:AND|OR|NOT)\b/gi, (word) => SIGNS[word.toUpperCase()] ?? word))

const SIGNS: Readonly<Record<string, string>> = { AND: '&&', OR: '||', NOT: '!' }
