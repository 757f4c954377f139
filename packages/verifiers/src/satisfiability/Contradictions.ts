// Whether instructions can be followed all at once. "impossible" is proved from the checks themselves: no response has the
// strict verdict "followed" on all of them. The converse does not hold: what is found possible here may still be impossible
// (COLLIE's constraints, for one, are not reasoned about).
import { isBlank, isBoundary, isSpace, isWord } from "../text/Characters.ts"
import { fold } from "../text/Fold.ts"
import { eachOccurrence } from "../text/Search.ts"
import { countWords } from "../text/Words.ts"
import { VerifierError } from "../Verifier.ts"
import { type Instruction, prepare } from "../Verify.ts"
import { conflict } from "./Conflicts.ts"
import { always, type Bound, counted, type Demand, demands, isAscii, type Literal, SPACES, WORDS } from "./Demands.ts"

/** Why instructions do not go together. */
export interface Contradiction {
  /**
   * "invalid": the id is unknown or the kwargs are not what its verifier asks for. "impossible": no response follows them
   * all. "conflict": the ids should not stand together (see `conflictsOf`), whatever is possible.
   */
  readonly kind: "invalid" | "impossible" | "conflict"
  /** The places in the list of the one or two instructions at fault. */
  readonly instructions: ReadonlyArray<number>
  readonly message: string
}

type Rule = (a: Demand, b: Demand) => ReadonlyArray<string>

// -------------------------------------------------------------------------------------------------------------- counts

const occurrences = (text: string, pattern: string, key: (text: string) => Uint16Array): number => {
  let total = 0
  eachOccurrence(key(text), key(pattern), false, () => {
    total++
    return true
  })
  return total
}

const lowerUnits = (text: string): Uint16Array => Uint16Array.from(text.toLowerCase(), (c) => c.charCodeAt(0))

/** How many runs of `\w+` a text has in which the literal occurs; neighbours that touch may share one. */
const impliedWords = ({ text, times }: Literal): number => {
  const each = countWords(text)
  const joins = isWord(text.charCodeAt(0)) && isWord(text.charCodeAt(text.length - 1))
  return joins ? times * each - (times - 1) : times * each
}

/** How much of a quantity there is at least in a text in which the literal occurs. */
const implied = (literal: Literal, quantity: string): number => {
  const { match, text, times } = literal
  if (quantity === WORDS) return impliedWords(literal)
  if (quantity === SPACES) return times * Array.from(text).filter((c) => isSpace(c.charCodeAt(0))).length
  const what = counted(quantity)
  if (what === undefined || !isAscii(what.text)) return 0
  // Under `re.IGNORECASE` an i or an s may be another letter, which is not counted as one.
  if (what.kind !== "folded" && match === "folded" && /[is]/.test(what.text)) return 0
  return times * occurrences(text, what.text, what.kind === "folded" ? fold : lowerUnits)
}

const range = ({ least, most }: Bound): string =>
  least === most
    ? `exactly ${least}`
    : most === Infinity
    ? `at least ${least}`
    : least <= 0
    ? `at most ${most}`
    : `${least} to ${most}`

const counts: Rule = (a, b) =>
  (a.bounds ?? []).flatMap((bound) => {
    const { least, most, quantity } = bound
    if (most < Math.max(0, least)) return [`${quantity}: no count is ${least > 0 ? `${least} to ${most}` : `at most ${most}`}`]
    const other = b.bounds?.find((one) => one.quantity === quantity && Math.max(least, one.least) > Math.min(most, one.most))
    if (other !== undefined) return [`${quantity}: ${range(bound)} and ${range(other)}`]
    const literal = b.literals?.find((one) => implied(one, quantity) > most)
    return literal === undefined
      ? []
      : [`${quantity}: ${range(bound)}, but "${literal.text}" ${literal.times > 1 ? `${literal.times} times ` : ""}has ${implied(literal, quantity)}`]
  })

// --------------------------------------------------------------------------------------------------------------- texts

/** Whether `word` stands between word boundaries inside of the literal whatever text is around it. */
const standsIn = (word: string, { place, text }: Literal): boolean => {
  const units = fold(text)
  let found = false
  eachOccurrence(units, fold(word), true, (start) => {
    const end = start + word.length
    const opens = start > 0 ? isBoundary(text, start) : place === "start" && isWord(text.charCodeAt(0))
    const closes = end < text.length ? isBoundary(text, end) : place === "end" && isWord(text.charCodeAt(end - 1))
    found = opens && closes
    return !found
  })
  return found
}

const forbids: Rule = (a, b) =>
  (a.forbidden ?? []).flatMap((word) => {
    const literal = b.literals?.find((one) => standsIn(word, one))
    return literal === undefined ? [] : [`"${word}" is forbidden, but "${literal.text}" occurs`]
  })

const otherCase = { upper: /[a-z]/, lower: /[A-Z]/ } as const

const letterCases: Rule = (a, b) => {
  if (a.letterCase === undefined) return []
  if (b.letterCase !== undefined && a.letterCase !== b.letterCase) return ["all letters are capitals, and none is"]
  const literal = b.literals?.find(({ match, text }) => match === "exact" && otherCase[a.letterCase!].test(text))
  return literal === undefined ? [] : [`all letters are ${a.letterCase} case, but "${literal.text}" occurs as it is written`]
}

const at = (demand: Demand, place: Literal["place"]): ReadonlyArray<string> =>
  (demand.literals ?? []).filter((one) => one.place === place).map(({ text }) => text.toLowerCase())

const edges: Rule = (a, b) => {
  const [start, end] = [at(a, "start")[0], at(a, "end")[0]]
  const otherStart = at(b, "start").find((text) => start !== undefined && !text.startsWith(start) && !start.startsWith(text))
  const otherEnd = at(b, "end").find((text) => end !== undefined && !text.endsWith(end) && !end.endsWith(text))
  const { first } = a
  const starts = [...(b.first ?? ""), ...at(b, "start").map((text) => text[0]!)]
  return [
    ...(otherStart === undefined ? [] : [`the text starts with "${start}" and with "${otherStart}"`]),
    ...(otherEnd === undefined ? [] : [`the text ends with "${end}" and with "${otherEnd}"`]),
    ...(first === undefined || starts.length === 0 || starts.some((c) => first.includes(c))
      ? []
      : [`the text starts with ${first.length === 1 ? first : `one of ${first}`}, and with ${starts.length === 1 ? starts[0] : `one of ${starts.join("")}`}`])
  ]
}

const firstWords: Rule = (a, b) =>
  a.firstWord !== undefined && a.firstWord.paragraph === b.firstWord?.paragraph && a.firstWord.word !== b.firstWord.word
    ? [`paragraph ${a.firstWord.paragraph} starts with "${a.firstWord.word}" and with "${b.firstWord.word}"`]
    : []

const never: Rule = (a, b) => a.never === undefined || a !== b ? [] : [a.never]

const rules: ReadonlyArray<Rule> = [counts, forbids, letterCases, edges, firstWords, never]

// -------------------------------------------------------------------------------------------------------------- checks

interface Read {
  readonly id: string
  readonly demand: Demand
  readonly check: (response: string) => boolean
}

/** Where an instruction leaves few responses, the other's check is asked about them. */
const tried = (a: Read, b: Read): ReadonlyArray<string> => {
  const { repeated, responses } = a.demand
  if (responses !== undefined && !responses.some((text) => !isBlank(text) && a.check(text) && b.check(text))) {
    return [a === b ? "its only response is blank" : `no response that "${a.id}" leaves follows "${b.id}"`]
  }
  if (repeated === undefined || a === b) return []
  if (b.demand.repeated !== undefined) {
    return repeated.toLowerCase() === b.demand.repeated.toLowerCase() ? [] : [`the text is "${repeated}" and "${b.demand.repeated}"`]
  }
  return b.demand.caseless === true && !b.check(repeated) ? [`"${repeated}" does not follow "${b.id}"`] : []
}

const between = (a: Read, b: Read): ReadonlyArray<string> => {
  const found = (one: Read, other: Read) => [...rules.flatMap((rule) => rule(one.demand, other.demand)), ...tried(one, other)]
  const there = found(a, b)
  // Most rules find nothing twice; one finding a pair is enough.
  return (there.length > 0 || a === b ? there : found(b, a)).slice(0, 1)
}

const nonBlank: Read = { id: "", demand: always, check: () => true }

/**
 * What speaks against asking for these instructions together, each finding with the places of the one or two instructions at
 * fault. An empty list means that nothing was found, not that a response exists: `example` looks for one.
 */
export const contradictions = (instructions: ReadonlyArray<Instruction>): ReadonlyArray<Contradiction> => {
  const found: Array<Contradiction> = []
  const read = instructions.map((instruction, i): Read | undefined => {
    const prepared = prepare(instruction)
    if (prepared instanceof VerifierError) {
      found.push({ kind: "invalid", instructions: [i], message: prepared.message })
      return undefined
    }
    const { id } = instruction
    return { id, check: prepared.check, demand: demands[id]?.(prepared.kwargs as never) ?? {} }
  })
  for (const [i, a] of read.entries()) {
    if (a === undefined) continue
    for (const message of [...between(a, a), ...between(a, nonBlank)].slice(0, 1)) {
      found.push({ kind: "impossible", instructions: [i], message: `"${a.id}": ${message}` })
    }
    for (const [j, b] of read.entries()) {
      if (b === undefined || j <= i) continue
      for (const message of between(a, b)) {
        found.push({ kind: "impossible", instructions: [i, j], message: `"${a.id}" and "${b.id}": ${message}` })
      }
      if (conflict(a.id, b.id)) {
        found.push({ kind: "conflict", instructions: [i, j], message: `"${a.id}" and "${b.id}" should not stand together` })
      }
    }
  }
  return found
}

/** Whether it is proved that no response follows all of these instructions. Invalid ones are nothing to follow. */
export const isImpossible = (instructions: ReadonlyArray<Instruction>): boolean =>
  contradictions(instructions).some(({ kind }) => kind !== "conflict")
