import { describe, expect, test } from "@jest/globals"
import { promptRow } from "@ifrl/curriculum"
import { Effect } from "effect"
import {
  type ConstraintChecker, constraintRewards, decided, failed, RewardModel, rewardModelJudge, type RewardSample, scored, type SoftJudge, softJudgeOf, verifierChecker
} from "../src/index.ts"

const row = promptRow({
  instruction: "Write.",
  domain: "writing",
  constraints: [
    { id: "soft:tone", kwargs: {}, text: "Sound sad" },
    { id: "punctuation:no_comma", kwargs: {}, text: "Use no commas" },
    { id: "soft:audience", kwargs: {}, text: "Write for children" }
  ]
})
const sample = (answer: string, i = 0): RewardSample => ({ id: `r#${i}`, row, text: answer, answer })

const calls: Array<ReadonlyArray<string>> = []
const judge: SoftJudge = (requests) =>
  Effect.sync(() => {
    calls.push(requests.map(({ sample, text }) => `${text}: ${sample.answer}`))
    return requests.map(({ text }) => scored(text === "Sound sad" ? 0.75 : 0.25))
  })
const parts = (judges: { readonly hard?: ConstraintChecker; readonly soft?: SoftJudge }, samples: ReadonlyArray<RewardSample>) =>
  Effect.runPromise(constraintRewards(judges).score(samples))

describe("constraintRewards", () => {
  test("parts come in the row's order, and all soft constraints of all samples in one call", async () => {
    calls.length = 0
    const found = await parts({ hard: verifierChecker, soft: judge }, [sample("alas"), sample("a, b", 1)])
    expect(found.map((some) => some.map(({ name, outcome }) => [name, outcome]))).toEqual([
      [["soft:tone", scored(0.75)], ["punctuation:no_comma", decided(true)], ["soft:audience", scored(0.25)]],
      [["soft:tone", scored(0.75)], ["punctuation:no_comma", decided(false)], ["soft:audience", scored(0.25)]]
    ])
    expect(calls).toEqual([["Sound sad: alas", "Write for children: alas", "Sound sad: a, b", "Write for children: a, b"]])
  })

  test("a kind without a judge has no part", async () => {
    expect((await parts({ soft: judge }, [sample("alas")]))[0]!.map(({ name }) => name)).toEqual(["soft:tone", "soft:audience"])
    expect((await parts({ hard: verifierChecker }, [sample("alas")]))[0]!.map(({ name }) => name)).toEqual(["punctuation:no_comma"])
    expect((await parts({}, [sample("alas")]))[0]).toEqual([])
  })

  test("a blank answer follows nothing and is not asked about", async () => {
    calls.length = 0
    const [blank] = await parts({ soft: judge }, [sample(" \n")])
    expect(blank!.map(({ outcome }) => outcome)).toEqual([decided(false), decided(false)])
    expect(calls).toEqual([])
  })

  test("a judge that fails, throws or gives too few outcomes fails its parts, never scores them", async () => {
    const reasons = async (soft: SoftJudge) => (await parts({ soft }, [sample("alas")]))[0]!.map(({ outcome }) => outcome)
    expect(await reasons(() => Effect.fail(new Error("down")))).toEqual([failed("down"), failed("down")])
    expect(await reasons(() => Effect.sync(() => {
      throw new Error("bug")
    }))).toEqual([failed("bug"), failed("bug")])
    expect(await reasons(() => Effect.succeed([scored(1)]))).toEqual([failed("1 outcomes for 2 constraints"), failed("1 outcomes for 2 constraints")])
    expect(await reasons(() => Effect.succeed(undefined as never))).toEqual(Array(2).fill(failed("no list of outcomes for 2 constraints")))
    expect(await reasons(() => {
      throw new Error("bug")
    })).toEqual([failed("bug"), failed("bug")])
    // An untyped judge may say anything.
    for (const value of [undefined, 0.5, { _tag: "Satisfied", score: NaN }, { _tag: "Satisfied", score: 2 }]) {
      expect(await reasons(softJudgeOf(() => value as never))).toMatchObject([{ _tag: "Failed" }, { _tag: "Failed" }])
    }
  })

  test("a judge that takes too long fails its parts", async () => {
    const [late] = await Effect.runPromise(constraintRewards({ hard: verifierChecker, soft: () => Effect.never }, { timeout: "5 millis" }).score([sample("alas")]))
    expect(late!.map(({ outcome }) => outcome)).toMatchObject([
      { _tag: "Failed", kind: "timeout" }, decided(true), { _tag: "Failed", kind: "timeout" }
    ])
  })

  test("the reward model's probability, or 0 and 1 from a half on", async () => {
    const model = { name: "m", readsInstruction: false, score: () => Effect.succeed([0.5, 0.49]), counts: Effect.succeed({ pairs: 0, read: 0, runs: 0 }) }
    const by = (score: "probability" | "binary") =>
      Effect.runPromise(
        constraintRewards({ soft: rewardModelJudge({ score }) }).score([sample("alas")]).pipe(Effect.provideService(RewardModel, model))
      )
    expect((await by("probability"))[0]!.map(({ outcome }) => outcome)).toEqual([scored(0.5), scored(0.49)])
    expect((await by("binary"))[0]!.map(({ outcome }) => outcome)).toEqual([decided(true), decided(false)])
  })
})
