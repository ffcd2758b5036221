/** DynamoDB's numbers: decimals of up to 38 digits, from 1E-130 to 9.99…E+125, without floating point. */
import { invalidRequest } from './errors.ts'

const MAX_DIGITS = 38
const SIMPLE = /^(0|-?[1-9]\d{0,14})$/
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/

/** `digits × 10^exponent`, without trailing zeros in the digits. */
interface Decimal {
  readonly digits: bigint
  readonly exponent: number
}

function parse(text: string): Decimal {
  if (!NUMBER.test(text))
    throw invalidRequest(`The parameter cannot be converted to a numeric value: ${text.slice(0, 60)}`)
  const [mantissa = '', power = '0'] = text.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  return normalize(BigInt(`${whole}${fraction}` || '0'), Number(power) - fraction.length)
}

function normalize(digits: bigint, exponent: number): Decimal {
  if (digits === 0n) return { digits, exponent: 0 }
  const text = digits.toString()
  const zeros = text.length - text.replace(/0+$/, '').length
  const short = zeros === 0 ? digits : BigInt(text.slice(0, -zeros))
  return check({ digits: short, exponent: exponent + zeros })
}

function check(number: Decimal): Decimal {
  const length = lengthOf(number.digits)
  if (length > MAX_DIGITS)
    throw invalidRequest('Attempting to store more than 38 significant digits in a Number')
  const magnitude = length + number.exponent - 1
  if (magnitude > 125)
    throw invalidRequest(
      'Number overflow. Attempting to store a number with magnitude larger than supported range',
    )
  if (magnitude < -130)
    throw invalidRequest(
      'Number underflow. Attempting to store a number with magnitude smaller than supported range',
    )
  return number
}

const lengthOf = (digits: bigint): number => (digits < 0n ? -digits : digits).toString().length

function format({ digits, exponent }: Decimal): string {
  if (exponent >= 0) return `${digits}${'0'.repeat(exponent)}`
  const sign = digits < 0n ? '-' : ''
  const text = (digits < 0n ? -digits : digits).toString().padStart(1 - exponent, '0')
  return `${sign}${text.slice(0, exponent)}.${text.slice(exponent)}`
}

/** The canonical form of a number. @throws TableError for an invalid number. */
export const canonicalNumber = (text: string): string => (SIMPLE.test(text) ? text : format(parse(text)))

export function compareNumbers(left: string, right: string): number {
  if (SIMPLE.test(left) && SIMPLE.test(right)) return Number(left) - Number(right)
  const [a, b] = align(parse(left), parse(right))
  return a < b ? -1 : a > b ? 1 : 0
}

export function addNumbers(left: string, right: string, sign: 1 | -1): string {
  const [a, b, exponent] = align(parse(left), parse(right))
  return format(normalize(a + BigInt(sign) * b, exponent))
}

function align(a: Decimal, b: Decimal): [bigint, bigint, number] {
  const exponent = Math.min(a.exponent, b.exponent)
  const scale = ({ digits, exponent: own }: Decimal) => digits * 10n ** BigInt(own - exponent)
  return [scale(a), scale(b), exponent]
}

/** A text that sorts by bytes as the numbers sort by value. */
export function sortableNumber(text: string): string {
  const { digits, exponent } = parse(text)
  if (digits === 0n) return '1'
  const plain = (digits < 0n ? -digits : digits).toString()
  const magnitude = plain.length + exponent + 500
  if (digits > 0n) return `2${String(magnitude).padStart(3, '0')}${plain}`
  const complement = [...plain].map((digit) => 9 - Number(digit)).join('')
  return `0${String(999 - magnitude).padStart(3, '0')}${complement}~`
}
