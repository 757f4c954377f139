// What must not change a loss or its gradient: how an optimizer step is cut into micro-batches, the order of its rows,
// and how far they are padded. And the one aggregation that does depend on the order, because the code it is after
// does.
import { describe, expect, test } from "@jest/globals"
import { Effect } from "effect"
import fc from "fast-check"
import { readFileSync } from "node:fs"
import {
  type Grid,
  makeObjective,
  type ObjectiveBatch,
  objectiveConfig,
  type ObjectiveInput,
  objectiveNames,
  presets,
  weightsOf
} from "../src/index.ts"
import { run } from "./support.ts"

/** One response: per-token numbers, and an advantage. */
interface Row {
  readonly tokens: ReadonlyArray<{
    readonly now: number
    readonly old: number
    readonly ref: number
    readonly sampler: number
    readonly entropy: number
  }>
  readonly advantage: number
}

const number = (min: number, max: number) => fc.double({ min, max, noNaN: true })
const row: fc.Arbitrary<Row> = fc.record({
  tokens: fc.array(
    fc.record({
      now: number(-4, 0),
      old: number(-4, 0),
      ref: number(-4, 0),
      sampler: number(-4, 0),
      entropy: number(0, 3)
    }),
    { minLength: 1, maxLength: 6 }
  ),
  advantage: fc.oneof(number(-2, 2), fc.constant(0))
})
const step = fc.array(row, { minLength: 2, maxLength: 6 })

const maxTokens = 8

/** `padding` are tokens behind the end whose every number is `junk`. */
const batchOf = (rows: ReadonlyArray<Row>, padding = 0, junk = 0): ObjectiveBatch => {
  const width = Math.max(...rows.map(({ tokens }) => tokens.length)) + padding
  const grid = (value: (row: Row, t: number) => number): Grid =>
    rows.map((r) => Array.from({ length: width }, (_, t) => (t < r.tokens.length ? value(r, t) : junk)))
  return {
    newLogProbs: grid(({ tokens }, t) => tokens[t]!.now),
    oldLogProbs: grid(({ tokens }, t) => tokens[t]!.old),
    refLogProbs: grid(({ tokens }, t) => tokens[t]!.ref),
    samplerLogProbs: grid(({ tokens }, t) => tokens[t]!.sampler),
    entropy: grid(({ tokens }, t) => tokens[t]!.entropy),
    advantages: grid(({ advantage }) => advantage),
    mask: rows.map((r) => Array.from({ length: width }, (_, t) => (t < r.tokens.length ? 1 : 0))),
    maxTokens
  }
}

/** The same objective with everything that can be added to it. */
const everything: ObjectiveInput = {
  klCoefficient: 0.1,
  klCorrected: true,
  entropyCoefficient: 0.01,
  dualClip: 3,
  importance: { name: "geometric-mask", low: 0.5, high: 2 },
  offPolicyLimit: 0.5
}
const variants: ReadonlyArray<readonly [string, ObjectiveInput]> = [
  ...objectiveNames.map((name) => [name, { name }] as const),
  ...objectiveNames.map((name) => [`${name} with KL, bonus, weights and masks`, { name, ...everything }] as const),
  ...(["sequence-mean", "fixed-length", "sequence-sum", "token-sum"] as const).map(
    (aggregation) => [`grpo, ${aggregation}`, { aggregation, ...everything }] as const
  ),
  ...(["token-truncate", "token-mask", "sequence-truncate", "sequence-mask"] as const).map(
    (name) => [`grpo, ${name}`, { importance: { name, low: 0.5, high: 2 } }] as const
  ),
  ...(["k1", "abs", "k2", "k1+", "k3+"] as const).map(
    (klEstimator) => [`grpo, ${klEstimator}`, { klCoefficient: 0.1, klEstimator }] as const
  )
]

const close = (a: number, b: number) => expect(Math.abs(a - b)).toBeLessThanOrEqual(1e-12 * Math.max(1, Math.abs(b)))

const holds = <A>(arbitrary: fc.Arbitrary<A>, numRuns: number, check: (value: A) => Effect.Effect<void, unknown>) =>
  Effect.promise(() =>
    fc.assert(
      fc.asyncProperty(arbitrary, (value) => Effect.runPromise(check(value))),
      { numRuns, seed: 20_251_120 }
    )
  )

/** Gradients of real tokens by row, whatever the padding. */
const slopes = (rows: ReadonlyArray<Row>, gradient: Grid) =>
  rows.map(({ tokens }, b) => Array.from(gradient[b]!).slice(0, tokens.length))

describe.each(variants)("%s", (_, input) => {
  // bnpo is defined by its micro-batches: it is held against their split, not against the order of rows.
  const config = objectiveConfig(input)
  const ordered = config.aggregation === "micro-batch-mean"

  test(
    "is the same in any micro-batches, order and padding",
    () =>
      run(
        Effect.gen(function* () {
          const evaluate = yield* makeObjective(config)
          const cut = fc.record({
            rows: step,
            order: fc.infiniteStream(fc.nat()),
            parts: fc.integer({ min: 1, max: 4 }),
            padding: fc.integer({ min: 0, max: 3 }),
            junk: number(-30, 30)
          })
          yield* holds(
            cut,
            15,
            Effect.fnUntraced(function* ({ junk, order, padding, parts, rows }) {
              const whole = yield* evaluate(batchOf(rows))
              const keys = rows.map(() => order.next().value)
              const places = rows.map((_, i) => i)
              if (!ordered) places.sort((a, b) => keys[a]! - keys[b]!)
              const weights = weightsOf(batchOf(rows), config)
              const size = Math.ceil(rows.length / parts)
              const gradient: Array<ReadonlyArray<number>> = []
              let loss = 0
              for (let from = 0; from < rows.length; from += size) {
                const members = places.slice(from, from + size)
                const part = batchOf(
                  members.map((i) => rows[i]!),
                  padding,
                  junk
                )
                const own = members.map((i, b) => Array.from(part.mask[b]!, (m, t) => (m === 0 ? 0 : weights[i]![t]!)))
                const value = yield* evaluate({ ...part, weights: own })
                loss += value.loss
                members.forEach((i, b) => void (gradient[i] = value.gradient[b]!))
                // What is padded has no gradient at all.
                for (const [b, slope] of value.gradient.entries()) {
                  slope.forEach((x, t) => part.mask[b]![t] === 0 && close(x, 0))
                }
              }
              close(loss, whole.loss)
              slopes(rows, gradient).forEach((slope, i) =>
                slope.forEach((x, t) => close(x, slopes(rows, whole.gradient)[i]![t]!))
              )
            })
          )
        })
      ),
    30_000
  )
})

test(
  "rows that nothing is learnt from change nothing",
  () =>
    run(
      Effect.gen(function* () {
        for (const name of objectiveNames) {
          const evaluate = yield* makeObjective(objectiveConfig({ name, aggregation: "sequence-mean" }))
          yield* holds(
            fc.tuple(step, row),
            5,
            Effect.fnUntraced(function* ([rows, extra]) {
              const alone = yield* evaluate(batchOf(rows))
              const batch = batchOf([...rows, extra])
              const mask = batch.mask.map((m, b) => (b < rows.length ? m : Array.from(m, () => 0)))
              const { gradient, loss } = yield* evaluate({ ...batch, mask })
              close(loss, alone.loss)
              gradient[rows.length]!.forEach((x) => close(x, 0))
            })
          )
        }
      })
    ),
  30_000
)

describe("verl-if", () => {
  const config = objectiveConfig(presets["verl-if"].config.objective)
  const golden = JSON.parse(readFileSync(new URL("fixtures/rl-losses.json", import.meta.url), "utf8"))
  const { advantage_per_row, entropy, lens, new: now, old, ref, sampling } = golden.fixture
  const rows: ReadonlyArray<Row> = advantage_per_row.map((advantage: number, i: number) => ({
    advantage,
    tokens: Array.from({ length: lens[i] }, (_, t) => ({
      now: now[i][t],
      old: old[i][t],
      ref: ref[i][t],
      sampler: sampling[i][t],
      entropy: entropy[i][t]
    }))
  }))

  test("is the mean of its micro-batches' own token means, as the released code computes it", () =>
    run(
      Effect.gen(function* () {
        const ours = yield* makeObjective(config)
        const tokenMean = yield* makeObjective({ ...config, aggregation: "token-mean" })
        const theirs = []
        for (let from = 0; from < rows.length; from += config.aggregationRows) {
          theirs.push(yield* tokenMean(batchOf(rows.slice(from, from + config.aggregationRows))))
        }
        const whole = yield* ours(batchOf(rows))
        close(
          whole.loss,
          theirs.reduce((sum, { loss }) => sum + loss / theirs.length, 0)
        )
        const gradient = theirs.flatMap((value) => value.gradient)
        rows.forEach(({ tokens }, i) =>
          tokens.forEach((_, t) => close(whole.gradient[i]![t]!, gradient[i]![t]! / theirs.length))
        )
      })
    ))

  test("depends on the size of its micro-batches, by as much as the released code, and paper does not", () =>
    run(
      Effect.gen(function* () {
        const whole = "verl_if/clip0.2+0.01*low_var_kl/whole_batch"
        const cosine = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) =>
          a.reduce((sum, x, i) => sum + x * b[i]!, 0) / Math.hypot(...a) / Math.hypot(...b)
        const gradientOf = Effect.fnUntraced(function* (input: ObjectiveInput) {
          const { gradient } = yield* (yield* makeObjective(objectiveConfig(input)))(batchOf(rows))
          return gradient.flatMap((slope) => Array.from(slope))
        })
        for (const [aggregationRows, name] of [
          [3, "micro_batch=3"],
          [2, "micro_batch=2"],
          [1, "micro_batch=1"]
        ] as const) {
          const released = presets["verl-if"].config.objective
          const [all, cut] = [
            yield* gradientOf({ ...released, aggregationRows: 6 }),
            yield* gradientOf({ ...released, aggregationRows })
          ]
          const expected =
            golden.gradient_cosine[`${whole}  ~  verl_if/clip0.2+0.01*low_var_kl/${name} (mean over micro-batches)`]
          expect(cosine(all, cut)).toBeCloseTo(expected, 6)
          const paper = presets.paper.config.objective
          expect(yield* gradientOf({ ...paper, aggregationRows })).toEqual(
            yield* gradientOf({ ...paper, aggregationRows: 6 })
          )
        }
      })
    ))

  test("depends on the order of the rows, and paper does not", () =>
    run(
      Effect.gen(function* () {
        const change = Effect.fnUntraced(function* (input: ObjectiveInput) {
          const evaluate = yield* makeObjective(objectiveConfig({ ...input, aggregationRows: 2 }))
          const order = rows.toSorted((a, b) => a.tokens.length - b.tokens.length)
          return Math.abs((yield* evaluate(batchOf(rows))).loss - (yield* evaluate(batchOf(order))).loss)
        })
        expect(yield* change(presets["verl-if"].config.objective)).toBeGreaterThan(0.01)
        expect(yield* change(presets.paper.config.objective)).toBeLessThan(1e-15)
      })
    ))
})
