// The characters that Python's `re.IGNORECASE` takes for the same.
import { isSurrogate, isUpper } from "./Characters.ts"
import { pointAt, type Units, unitsOf } from "./Units.ts"

// Characters that `re.IGNORECASE` treats as equal though lower-casing one does not give the other.
const equivalents = [
  "i\u0131", "s\u017f", "\u00b5\u03bc", "\u0345\u03b9\u1fbe", "\u0390\u1fd3", "\u03b0\u1fe3", "\u03b2\u03d0",
  "\u03b5\u03f5", "\u03b8\u03d1", "\u03ba\u03f0", "\u03c0\u03d6", "\u03c1\u03f1", "\u03c2\u03c3", "\u03c6\u03d5",
  "\u0432\u1c80", "\u0434\u1c81", "\u043e\u1c82", "\u0441\u1c83", "\u0442\u1c84\u1c85", "\u044a\u1c86", "\u0463\u1c87",
  "\u1c88\ua64b", "\u1e61\u1e9b", "\ufb05\ufb06"
]
const canonical = new Map(
  equivalents.flatMap((group) => [...group].slice(1).map((other) => [other, group[0]!] as const))
)

const foldPoint = (character: string): number => {
  const lower = String.fromCodePoint(character.toLowerCase().codePointAt(0)!)
  return (canonical.get(lower) ?? lower).codePointAt(0)!
}

let folds: Uint16Array | undefined
const foldTable = (): Uint16Array => {
  if (folds === undefined) {
    folds = new Uint16Array(0x10000)
    for (let unit = 0; unit < 0x10000; unit++) {
      folds[unit] = isSurrogate(unit) ? unit : foldPoint(String.fromCharCode(unit))
    }
  }
  return folds
}

/**
 * The text as code units in which characters equal under Python's `re.IGNORECASE` are the same: simple lower case, then
 * one representative of each equivalence class. Positions are those of the text.
 */
export const fold = (text: string): Units => {
  const units = unitsOf(text)
  let table: Uint16Array | undefined
  for (let i = 0; i < units.length; i++) {
    const unit = units[i]!
    if (unit < 0x80) {
      if (unit >= 0x41 && unit <= 0x5a) units[i] = unit + 0x20
    } else if (!isSurrogate(unit)) {
      table ??= foldTable()
      units[i] = table[unit]!
    } else {
      const point = pointAt(units, i)
      // Both cases of every script beyond the basic plane share their high surrogate.
      if (point > 0xffff && isUpper(point)) units[i + 1] = String.fromCodePoint(point).toLowerCase().charCodeAt(1)
      if (point > 0xffff) i++
    }
  }
  return units
}
