// What may be done to pairs before they are learnt from. The paper uses them as they come; each of these is a switch,
// and `PairStep` says what it removed.
import { random } from "@ifrl/curriculum"
import { Effect, Schema } from "effect"
import type { SoftPair } from "./Pairs.ts"

const share = Schema.Finite.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 1 })))
const positiveCount = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(1)))
const field = <S extends Schema.Top>(schema: S, value: S["Encoded"], description: string) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value))).annotate({ description })

export const PairsConfig = Schema.Struct({
  samples: field(positiveCount, 1, "Responses to each of a constraint's two prompts, in responses; as many pairs come of it."),
  maxSimilarity: field(
    share,
    0,
    "Pairs whose answers are at least this alike are dropped (Dice coefficient of word bigrams; 1 drops equal ones); 0 keeps all."
  ),
  balanceLengths: field(Schema.Boolean, false, "Couple positives and negatives of like length, and keep as many pairs whose positive is longer as shorter."),
  crossed: field(
    share,
    0,
    "Share of the pairs that come again with a negative which answers another constraint of the same type: tells values apart, not only their presence."
  ),
  minConfidence: field(
    share,
    0,
    "Pairs are dropped when a classifier trained on the others gives either label less than this; 0 keeps all and trains no such classifier."
  ),
  folds: field(Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(2))), 3, "Parts of the cross-validation behind minConfidence."),
  seed: field(Schema.Int, 0, "Seed of the responses, of the crossing and of the parts.")
})
export type PairsConfig = typeof PairsConfig.Type

/** What one step left of the pairs. */
export interface PairStep {
  readonly step: string
  readonly pairs: number
  /** Mean of the positive's less the negative's length, in characters. */
  readonly lengthDifference: number
}

const bigrams = (text: string): ReadonlyArray<string> => {
  const words = ["", ...text.toLowerCase().match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? [], ""]
  return words.slice(1).map((word, i) => `${words[i]} ${word}`)
}

/** Dice coefficient of the multisets of word bigrams, case aside: 1 for equal texts, 0 for texts that share none. */
export const similarity = (a: string, b: string): number => {
  const [left, right] = [bigrams(a), bigrams(b)]
  const counts = new Map<string, number>()
  for (const bigram of left) counts.set(bigram, (counts.get(bigram) ?? 0) + 1)
  let shared = 0
  for (const bigram of right) {
    const count = counts.get(bigram) ?? 0
    if (count > 0) shared++
    counts.set(bigram, count - 1)
  }
  return 2 * shared / (left.length + right.length)
}

/** Without the pairs whose answers are at least `maxSimilarity` alike. */
export const dropSimilar = (pairs: ReadonlyArray<SoftPair>, maxSimilarity: number): ReadonlyArray<SoftPair> =>
  pairs.filter(({ negative, positive }) => similarity(positive.text, negative.text) < maxSimilarity)

const longerBy = ({ negative, positive }: SoftPair): number => positive.text.length - negative.text.length

/**
 * As many pairs whose positive is longer as pairs whose positive is shorter, those with the greatest difference dropped
 * first; pairs of equal length stay. Length alone then tells nothing.
 */
export const balanceLengths = (pairs: ReadonlyArray<SoftPair>): ReadonlyArray<SoftPair> => {
  const side = (sign: number) => pairs.filter((pair) => Math.sign(longerBy(pair)) === sign)
  const [longer, shorter] = [side(1), side(-1)]
  const keep = Math.min(longer.length, shorter.length)
  const least = (some: ReadonlyArray<SoftPair>) =>
    some.toSorted((a, b) => Math.abs(longerBy(a)) - Math.abs(longerBy(b)) || (a.id < b.id ? -1 : 1)).slice(0, keep)
  const kept = new Set([...least(longer), ...least(shorter), ...side(0)])
  return pairs.filter((pair) => kept.has(pair))
}

const wordsOf = (text: string): ReadonlySet<string> => new Set(text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])

const shared = (a: ReadonlySet<string>, b: ReadonlySet<string>): number => [...a].filter((word) => b.has(word)).length

/** Of some constraint texts, those that share the fewest words with one: another value, rather than the same in other words. */
const farthest = (constraint: string, texts: ReadonlyArray<string>): ReadonlyArray<string> => {
  const own = wordsOf(constraint)
  const counts = texts.map((text) => shared(own, wordsOf(text)))
  const least = Math.min(...counts)
  return texts.filter((_, i) => counts[i] === least)
}

/**
 * A share of the pairs once more, with a negative that is another pair's positive: an answer to a constraint of the same
 * type whose text shares the fewest words with the pair's own, or, where the type has only one text, of any type. Like
 * o_{k-1} it never saw the constraint; unlike o_{k-1} it follows another, so that the presence of some tone no longer
 * passes for the tone that was asked for.
 */
export const crossPairs = (pairs: ReadonlyArray<SoftPair>, share: number, seed: number): ReadonlyArray<SoftPair> => {
  const byText = new Map<string, Array<SoftPair>>()
  for (const pair of pairs) byText.set(pair.constraint, [...byText.get(pair.constraint) ?? [], pair])
  const typeOf = (text: string) => byText.get(text)![0]!.type
  const others = new Map(Array.from(byText.keys(), (text) => {
    // A row's later constraints are answered under its earlier ones: such an answer saw this one and may follow it.
    const unseen = new Map(Array.from(byText, ([other, some]) =>
      [other, other === text ? [] : some.filter(({ positive }) => !positive.prompt.includes(text))] as const
    ))
    const different = [...byText.keys()].filter((other) => unseen.get(other)!.length > 0)
    const sameType = different.filter((other) => typeOf(other) === typeOf(text))
    return [text, farthest(text, sameType.length > 0 ? sameType : different).map((other) => unseen.get(other)!)] as const
  }))
  return pairs.flatMap((pair) => {
    const draw = random(seed, "crossed", pair.id)
    const candidates = others.get(pair.constraint)!
    if (!draw.chance(share) || candidates.length === 0) return []
    const { positive } = draw.pick(draw.pick(candidates))
    return [{ ...pair, id: `${pair.id}/crossed`, kind: "crossed" as const, negative: positive }]
  })
}

const stepOf = (step: string, pairs: ReadonlyArray<SoftPair>): PairStep => ({
  step,
  pairs: pairs.length,
  lengthDifference: pairs.reduce((sum, pair) => sum + longerBy(pair), 0) / Math.max(1, pairs.length)
})

/** Every switch but the confidence filter, in order, and what each left. */
export const preparePairs = (
  pairs: ReadonlyArray<SoftPair>,
  config: PairsConfig
): { readonly pairs: ReadonlyArray<SoftPair>; readonly steps: ReadonlyArray<PairStep> } => {
  const steps = [stepOf("generated", pairs)]
  let kept = pairs
  const apply = (name: string, on: boolean, change: (pairs: ReadonlyArray<SoftPair>) => ReadonlyArray<SoftPair>) => {
    if (!on) return
    kept = change(kept)
    steps.push(stepOf(name, kept))
  }
  apply("maxSimilarity", config.maxSimilarity > 0, (some) => dropSimilar(some, config.maxSimilarity))
  apply("balanceLengths", config.balanceLengths, balanceLengths)
  apply("crossed", config.crossed > 0, (some) => [...some, ...crossPairs(some, config.crossed, config.seed)])
  return { pairs: kept, steps }
}

/** The part, from 0, that holds the pairs of a row: all of a row's pairs are together. */
export const foldOf = (pair: SoftPair, folds: number, seed: number): number => random(seed, "fold", pair.row).int(folds)

/**
 * The fold of each pair, all of a row's pairs in one: rows are shuffled and dealt out, so that folds are even. Drawing
 * them as `foldOf` does would follow the draw that put these rows into the training part, and leave folds empty.
 */
export const evenFolds = (pairs: ReadonlyArray<SoftPair>, folds: number, seed: number): ReadonlyArray<number> => {
  const rows = random(seed, "even folds").shuffle([...new Set(pairs.map(({ row }) => row))])
  const places = new Map(rows.map((row, place) => [row, place % folds]))
  return pairs.map(({ row }) => places.get(row)!)
}

/** The pairs of which neither label has a probability below `minConfidence`. */
export const dropDoubtful = (
  pairs: ReadonlyArray<SoftPair>,
  /** Probability of following, of each pair's positive and negative, from a classifier that was not trained on them. */
  scores: ReadonlyArray<{ readonly positive: number; readonly negative: number }>,
  minConfidence: number
): ReadonlyArray<SoftPair> =>
  pairs.filter((_, i) => scores[i]!.positive >= minConfidence && 1 - scores[i]!.negative >= minConfidence)
