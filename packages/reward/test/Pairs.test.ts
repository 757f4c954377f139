import { describe, expect, test } from "@jest/globals"
import { promptRow } from "@ifrl/curriculum"
import { NodeServices } from "@effect/platform-node"
import { Effect, FileSystem, Path, Schema } from "effect"
import {
  balanceLengths, crossPairs, dropDoubtful, dropSimilar, evenFolds, examplesOf, foldOf, pairAnswers, pairPrompts, PairsConfig, planPairs, preparePairs, readPairs,
  similarity, type SoftPair, writePairs
} from "../src/index.ts"

const row = (tone: string) =>
  promptRow({
    instruction: "Write about foxes.",
    domain: "writing",
    constraints: [
      { id: "punctuation:no_comma", kwargs: {}, text: "Use no commas" },
      { id: "soft:tone", kwargs: {}, text: `Use a ${tone} tone` },
      { id: "soft:audience", kwargs: {}, text: "Write for children" }
    ]
  })

const source = { policy: "embedded", seed: 3, temperature: 1 }
const config = (options: Partial<PairsConfig>): PairsConfig => Schema.decodeUnknownSync(PairsConfig)(options)

const pair = (id: string, positive: string, negative: string, more: Partial<SoftPair> = {}): SoftPair => ({
  id,
  type: "soft:tone",
  constraint: "Use a sad tone",
  instruction: "",
  positive: { text: positive, prompt: "p", sample: 0 },
  negative: { text: negative, prompt: "n", sample: 0 },
  row: id,
  index: 0,
  kind: "level",
  ...source,
  ...more
})

describe("pairs", () => {
  test("a soft constraint's positives answer its level and its negatives the level below", () => {
    const plans = planPairs([row("sad")])
    expect(plans.map(({ above, below, index }) => [index, above.prompt, below.prompt])).toEqual([
      [1, "Write about foxes. Use no commas. Use a sad tone.", "Write about foxes. Use no commas."],
      [
        2,
        "Write about foxes. Use no commas. Use a sad tone. Write for children.",
        "Write about foxes. Use no commas. Use a sad tone."
      ]
    ])
  })

  test("a prompt that several rows lead to is planned once", () => {
    const shorter = promptRow({
      instruction: "Write about foxes.",
      domain: "writing",
      constraints: [
        { id: "punctuation:no_comma", kwargs: {}, text: "Use no commas" },
        { id: "soft:tone", kwargs: {}, text: "Use a sad tone" }
      ]
    })
    expect(planPairs([row("sad"), shorter]).length).toBe(2)
    // Rows of files have ids of their own; what they lead to is the same.
    const named = [{ ...row("sad"), id: "1" }, { ...shorter, id: "2" }]
    expect(planPairs(named).length).toBe(2)
    expect(pairPrompts(planPairs(named.toReversed())).length).toBe(3)
  })

  test("positives and negatives share the constraint; blank answers make no pair; provenance is kept", () => {
    const [plan] = planPairs([row("sad")])
    const pairs = pairAnswers([{ plan: plan!, positives: ["Alas.", "", "Sad."], negatives: ["Foxes.", "Red foxes.", "Quick."] }], source, {
      balanceLengths: false
    })
    expect(pairs.map(({ negative, positive }) => [positive.text, negative.text])).toEqual([["Alas.", "Foxes."], ["Sad.", "Red foxes."]])
    expect(pairs[0]).toMatchObject({
      id: `${plan!.row.id}/1/0`,
      type: "soft:tone",
      constraint: "Use a sad tone",
      instruction: "Write about foxes.",
      row: plan!.row.id,
      kind: "level",
      policy: "embedded",
      seed: 3,
      positive: { prompt: plan!.above.prompt, sample: 0 },
      negative: { prompt: plan!.below.prompt, sample: 0 }
    })
    expect(examplesOf(pairs).map(({ constraint, label, response }) => [constraint, response, label])).toEqual([
      ["Use a sad tone", "Alas.", true],
      ["Use a sad tone", "Foxes.", false],
      ["Use a sad tone", "Sad.", true],
      ["Use a sad tone", "Red foxes.", false]
    ])
  })

  test("with balanced lengths equally ranked lengths are coupled", () => {
    const [plan] = planPairs([row("sad")])
    const answers = [{ plan: plan!, positives: ["aaaa", "a"], negatives: ["b", "bbbb"] }]
    expect(pairAnswers(answers, source, { balanceLengths: true }).map(({ negative, positive }) => [positive.text, negative.text]))
      .toEqual([["a", "b"], ["aaaa", "bbbb"]])
  })

  test("similarity: equal texts 1, nothing shared 0, by hand between", () => {
    expect(similarity("Foxes run.", "foxes  run.")).toBe(1)
    expect(similarity("", "")).toBe(1)
    expect(similarity("red fox", "blue bird")).toBe(0)
    // "^ a", "a b", "b $" and "^ a", "a c", "c $": one of three on each side.
    expect(similarity("a b", "a c")).toBeCloseTo(1 / 3, 12)
  })

  test("pairs that are too alike are dropped", () => {
    const pairs = [pair("equal", "Foxes run.", "Foxes run."), pair("near", "Foxes run fast.", "Foxes run."), pair("far", "Alas!", "Foxes run.")]
    expect(dropSimilar(pairs, 1).map(({ id }) => id)).toEqual(["near", "far"])
    expect(dropSimilar(pairs, 0.5).map(({ id }) => id)).toEqual(["far"])
  })

  test("balanced lengths: as many longer as shorter, the greatest differences gone", () => {
    const pairs = [pair("a", "xxx", "x"), pair("b", "xxxxxx", "x"), pair("c", "x", "xx"), pair("d", "x", "y")]
    expect(balanceLengths(pairs).map(({ id }) => id)).toEqual(["a", "c", "d"])
  })

  test("crossed pairs take their negative from another constraint of the type, deterministic by seed", () => {
    const pairs = [
      pair("a", "Alas.", "Foxes."),
      pair("b", "Hooray!", "Foxes.", { constraint: "Use a cheerful tone" }),
      pair("c", "Hello kids.", "Foxes.", { type: "soft:audience", constraint: "Write for children" })
    ]
    const crossed = crossPairs(pairs, 1, 0)
    expect(crossed.map(({ kind, negative, positive }) => [kind, positive.text, negative.text])).toEqual([
      ["crossed", "Alas.", "Hooray!"],
      ["crossed", "Hooray!", "Alas."],
      ["crossed", "Hello kids.", expect.stringMatching(/Alas|Hooray/)]
    ])
    expect(crossPairs(pairs, 1, 0)).toEqual(crossed)
    expect(crossPairs(pairs, 0, 0)).toEqual([])
  })

  test("crossing takes no answer to a prompt that had the constraint", () => {
    const audience = { type: "soft:audience", constraint: "Write for children" }
    const under = (text: string, ...constraints: ReadonlyArray<string>) => ({
      text, prompt: `Write about foxes. ${constraints.join(". ")}.`, sample: 0
    })
    const pairs = [
      pair("a", "", "Foxes.", { positive: under("Alas.", "Use a sad tone") }),
      pair("b", "", "Alas.", { ...audience, positive: under("Alas, kids.", "Use a sad tone", audience.constraint) })
    ]
    expect(crossPairs(pairs, 1, 0).map(({ constraint, negative }) => [constraint, negative.text])).toEqual([[audience.constraint, "Alas."]])
    const other = pair("c", "", "Foxes.", { ...audience, row: "s", positive: under("Hello, kids.", audience.constraint) })
    for (let seed = 0; seed < 10; seed++) {
      expect(crossPairs([...pairs, other], 1, seed)[0]!.negative.text).toBe("Hello, kids.")
    }
  })

  test("crossing avoids the same constraint in other words", () => {
    const texts = ["Use a sad tone", "Sound sad", "Use a cheerful tone", "Sound cheerful"]
    const pairs = texts.map((constraint) => pair(constraint, `answers ${constraint}`, "Foxes.", { constraint }))
    expect(crossPairs(pairs, 1, 0).map(({ negative }) => negative.text)).toEqual([
      "answers Sound cheerful",
      "answers Use a cheerful tone",
      "answers Sound sad",
      "answers Use a sad tone"
    ])
  })

  test("every switch is off by default, and what each removed is counted", () => {
    const pairs = [pair("a", "xxx", "x"), pair("b", "same", "same"), pair("c", "x", "xx", { constraint: "Use a cheerful tone" })]
    expect(preparePairs(pairs, config({}))).toEqual({ pairs, steps: [{ step: "generated", pairs: 3, lengthDifference: 1 / 3 }] })
    const all = preparePairs(pairs, config({ maxSimilarity: 1, balanceLengths: true, crossed: 1 }))
    expect(all.steps.map(({ pairs, step }) => [step, pairs])).toEqual([
      ["generated", 3],
      ["maxSimilarity", 2],
      ["balanceLengths", 2],
      ["crossed", 4]
    ])
  })

  test("pairs of a row are in one fold, and doubtful ones are dropped", () => {
    const of = (row: string, id: string) => foldOf(pair(id, "a", "b", { row }), 5, 1)
    expect(of("r", "x")).toBe(of("r", "y"))
    const pairs = [pair("a", "1", "2"), pair("b", "1", "2"), pair("c", "1", "2")]
    const scores = [{ positive: 0.9, negative: 0.1 }, { positive: 0.2, negative: 0.1 }, { positive: 0.9, negative: 0.8 }]
    expect(dropDoubtful(pairs, scores, 0.3).map(({ id }) => id)).toEqual(["a"])
  })

  test("folds are even, whichever rows are left of a split by the same seed", () => {
    const pairs = Array.from({ length: 400 }, (_, i) => pair(String(i), "a", "b", { row: `row ${i >> 1}` }))
    const training = pairs.filter((one) => foldOf(one, 10_000, 0) >= 5000)
    // The draw of the split says nothing more of what it left.
    expect(new Set(training.map((one) => foldOf(one, 2, 0)))).toEqual(new Set([1]))
    const folds = evenFolds(training, 2, 0)
    const sizes = [0, 1].map((fold) => folds.filter((one) => one === fold).length)
    expect(Math.abs(sizes[0]! - sizes[1]!)).toBeLessThanOrEqual(2)
    const byRow = new Map(training.map(({ row }, i) => [row, folds[i]]))
    expect(training.every(({ row }, i) => byRow.get(row) === folds[i])).toBe(true)
    expect(evenFolds(training, 2, 1)).not.toEqual(folds)
  })

  test("files keep pairs; a broken line is refused by number", async () => {
    const program = Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const file = path.join(yield* fs.makeTempDirectoryScoped(), "pairs.jsonl")
      const pairs = [pair("a", "Alas.", "Foxes."), pair("b", "line\nbreak", "\"quoted\"")]
      yield* writePairs(file, pairs)
      const read = yield* readPairs(file)
      yield* fs.writeFileString(file, "{\"id\": \"x\"}\n", { flag: "a" })
      return { pairs, read, error: yield* Effect.flip(readPairs(file)) }
    })
    const { error, pairs, read } = await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(NodeServices.layer)))
    expect(read).toEqual(pairs)
    expect(error.message).toMatch(/pairs\.jsonl:3: .*"type"/)
  })
})
