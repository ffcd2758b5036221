import jsep from 'jsep'

/**
 * Parses an expression of CloudWatch: metric math, an alarm's rule, or a filter of Logs Insights. They share one grammar, in
 * which AND, OR and NOT are words; quoted texts are not changed.
 *
 * @throws Error for an invalid expression.
 */
export const parseExpression = (text: string): jsep.Expression =>
  jsep(text.replaceAll(/"[^"]*"|'[^']*'|\b(?:AND|OR|NOT)\b/gi, (word) => SIGNS[word.toUpperCase()] ?? word))

const SIGNS: Readonly<Record<string, string>> = { AND: '&&', OR: '||', NOT: '!' }
