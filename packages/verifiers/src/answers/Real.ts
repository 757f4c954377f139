// Numbers of answers: exact fractions as long as possible, else floating point.

export type Real =
  | { readonly _tag: "Exact"; readonly numerator: bigint; readonly denominator: bigint }
  | { readonly _tag: "Float"; readonly value: number }

/** Powers and digits beyond this make a number nobody answers with; it is refused rather than computed. */
export const MAX_DIGITS = 1000

const gcd = (a: bigint, b: bigint): bigint => {
  let [x, y] = [a < 0n ? -a : a, b]
  while (y !== 0n) [x, y] = [y, x % y]
  return x
}

/** In lowest terms, the denominator positive. */
export const exact = (numerator: bigint, denominator = 1n): Real => {
  const sign = denominator < 0n ? -1n : 1n
  const divisor = gcd(numerator, denominator * sign)
  const by = divisor === 0n ? 1n : divisor
  return { _tag: "Exact", numerator: sign * numerator / by, denominator: sign * denominator / by }
}

export const float = (value: number): Real => ({ _tag: "Float", value })

/** The digits of both halves, the decimal point between them. */
export const decimal = (whole: string, fraction: string): Real =>
  exact(BigInt(`${whole === "" ? "0" : whole}${fraction}`), 10n ** BigInt(fraction.length))

export const toNumber = (real: Real): number => {
  if (real._tag === "Float") return real.value
  const { denominator, numerator } = real
  const direct = Number(numerator) / Number(denominator)
  if (Number.isFinite(direct)) return direct
  // Both are beyond the range of doubles; their quotient need not be.
  const shift = 10n ** BigInt(Math.max(0, String(denominator).length - 17))
  return Number(numerator / shift) / Number(denominator / shift)
}

/** What is beyond the range of doubles is no number from there on. */
const finite = (value: number): number => Number.isFinite(value) ? value : NaN

const bothExact = (
  a: Real,
  b: Real,
  onExact: (an: bigint, ad: bigint, bn: bigint, bd: bigint) => Real,
  onFloat: (a: number, b: number) => number
): Real =>
  a._tag === "Exact" && b._tag === "Exact"
    ? onExact(a.numerator, a.denominator, b.numerator, b.denominator)
    : float(finite(onFloat(finite(toNumber(a)), finite(toNumber(b)))))

export const add = (a: Real, b: Real): Real =>
  bothExact(a, b, (an, ad, bn, bd) => exact(an * bd + bn * ad, ad * bd), (x, y) => x + y)

export const multiply = (a: Real, b: Real): Real =>
  bothExact(a, b, (an, ad, bn, bd) => exact(an * bn, ad * bd), (x, y) => x * y)

export const negate = (a: Real): Real => multiply(exact(-1n), a)

export const isZero = (a: Real): boolean => a._tag === "Exact" ? a.numerator === 0n : a.value === 0

/** Undefined for a zero divisor. */
export const divide = (a: Real, b: Real): Real | undefined =>
  isZero(b)
    ? undefined
    : bothExact(a, b, (an, ad, bn, bd) => exact(an * bd, ad * bn), (x, y) => x / y)

const digits = (value: bigint): number => String(value < 0n ? -value : value).length

/** Undefined where the result is not real, not defined, or too long to be an answer. */
export const power = (base: Real, exponent: Real): Real | undefined => {
  if (exponent._tag === "Exact" && exponent.denominator === 1n && base._tag === "Exact") {
    const size = exponent.numerator < 0n ? -exponent.numerator : exponent.numerator
    if (size * BigInt(Math.max(digits(base.numerator), digits(base.denominator))) > BigInt(MAX_DIGITS)) return undefined
    if (exponent.numerator < 0n && base.numerator === 0n) return undefined
    const [n, d] = [base.numerator ** size, base.denominator ** size]
    return exponent.numerator < 0n ? exact(d, n) : exact(n, d)
  }
  if (exponent._tag === "Exact" && exponent.numerator === 1n) return root(base, Number(exponent.denominator))
  const value = toNumber(base) ** toNumber(exponent)
  return Number.isFinite(value) ? float(value) : undefined
}

/** The integer whose `degree`-th power is `value`, if there is one. */
const exactRoot = (value: bigint, degree: number): bigint | undefined => {
  const guess = BigInt(Math.round(Number(value) ** (1 / degree)))
  return [guess - 1n, guess, guess + 1n].find((candidate) => candidate >= 0n && candidate ** BigInt(degree) === value)
}

/** The real root, exact where it is rational; undefined for even roots of negative numbers. */
export const root = (radicand: Real, degree: number): Real | undefined => {
  const negative = radicand._tag === "Exact" ? radicand.numerator < 0n : radicand.value < 0
  if (!(degree >= 1 && degree <= 64) || (negative && degree % 2 === 0)) return undefined
  const positive = negative ? negate(radicand) : radicand
  const sign = negative ? -1 : 1
  if (positive._tag === "Exact" && digits(positive.numerator) <= 15 && digits(positive.denominator) <= 15) {
    const [n, d] = [exactRoot(positive.numerator, degree), exactRoot(positive.denominator, degree)]
    if (n !== undefined && d !== undefined) return exact(BigInt(sign) * n, d)
  }
  return float(sign * toNumber(positive) ** (1 / degree))
}

/** Exact numbers by value; where floating point is involved, to nine significant digits. */
export const equalReals = (a: Real, b: Real): boolean => {
  if (a._tag === "Exact" && b._tag === "Exact") return a.numerator === b.numerator && a.denominator === b.denominator
  const [x, y] = [toNumber(a), toNumber(b)]
  return Math.abs(x - y) <= 1e-9 * Math.max(Math.abs(x), Math.abs(y))
}
