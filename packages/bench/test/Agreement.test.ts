import { describe, expect, test } from "@jest/globals"
import { ChatEndpoint, type ChatRequest } from "@ifrl/curriculum"
import type { RewardPair } from "@ifrl/reward"
import { type Completion, Rollout } from "@ifrl/rollout"
import { NodeServices } from "@effect/platform-node"
import { Effect, FileSystem, Layer, Path } from "effect"
import {
  type AgreementGroup, chatJudge, judgeQuestion, kendallTau, measureAgreement, pairwiseAgreement, policyJudge, printAgreements, readGroups, readVerdict
} from "../src/index.ts"

describe("correlation", () => {
  // By hand: of 10 couples 7 agree and 3 do not.
  test("tau without ties", () => expect(kendallTau([1, 2, 3, 4, 5], [3, 1, 2, 5, 4])).toBeCloseTo(0.4, 12))
  // 4 concordant, one tied in the labels, one in the scores: 4 / sqrt(5 * 5).
  test("tau-b with ties on both sides", () => expect(kendallTau([1, 2, 2, 3], [1, 1, 2, 3])).toBeCloseTo(0.8, 12))
  test("all ties leave tau undefined", () => {
    expect(kendallTau([1, 1], [1, 2])).toBeUndefined()
    expect(kendallTau([1, 2], [1, 1])).toBeUndefined()
  })
  test("pairwise agreement: ties in the labels do not count, in the scores by half", () => {
    expect(pairwiseAgreement([1, 2, 2], [1, 2, 9])).toBe(1)
    expect(pairwiseAgreement([1, 2, 3], [1, 1, 0])).toBeCloseTo(0.5 / 3, 12)
    expect(pairwiseAgreement([1, 1], [1, 2])).toBeUndefined()
  })
})

const group: AgreementGroup = {
  id: "g",
  instruction: "Write.",
  constraints: ["be sad", "be short"],
  types: ["tone", "length"],
  responses: [
    { text: "both", followed: [true, true] },
    { text: "sad", followed: [true, false] },
    { text: "none", followed: [false, false] }
  ]
}

const judgeBy = (score: (pair: RewardPair) => number) => ({
  name: "test",
  score: (pairs: ReadonlyArray<RewardPair>) => Effect.succeed(pairs.map(score))
})
const truth = ({ constraint, response }: RewardPair) => response === "both" || (response === "sad" && constraint === "be sad") ? 1 : 0

describe("measureAgreement", () => {
  test("a judge that knows the truth agrees wholly", async () => {
    const agreement = await Effect.runPromise(measureAgreement([group], judgeBy(truth)))
    expect(agreement).toMatchObject({
      groups: 1, judgements: 6, kendallTau: 1, pairwiseAgreement: 1, accuracy: 1, auc: 1, byType: { tone: { judgements: 3 }, length: { judgements: 3 } }
    })
    expect(agreement.ece).toBeLessThan(1e-9)
    expect(printAgreements([{ ...agreement, kendallTau: NaN, ece: 0, secondsPerGroup: 0 }]).split("\n")).toEqual([
      "judge     tau  pairwise  accuracy    AUC    ECE  judgements  groups  s/group",
      "test        -     1.000     1.000  1.000  0.000           6       1    0.000",
      "  length                    1.000  1.000                  3",
      "  tone                      1.000  1.000                  3"
    ])
  })

  test("a judge that says the opposite disagrees wholly; one that knows nothing is at chance", async () => {
    const opposite = await Effect.runPromise(measureAgreement([group], judgeBy((pair) => 1 - truth(pair))))
    expect(opposite).toMatchObject({ kendallTau: -1, pairwiseAgreement: 0, accuracy: 0 })
    const idle = await Effect.runPromise(measureAgreement([group], judgeBy(() => 0.5)))
    expect(idle.pairwiseAgreement).toBe(0.5)
    expect(idle.kendallTau).toBeNaN()
  })

  test("labels that do not match the constraints are refused by group", async () => {
    const broken = { ...group, responses: [{ text: "x", followed: [true] }] } as AgreementGroup
    const error = await Effect.runPromise(Effect.flip(measureAgreement([broken], judgeBy(truth))))
    expect(error).toMatchObject({ subject: "group g", remedy: "give one label for each constraint of each response" })
  })

  test("groups come from JSONL, a broken line refused by number", async () => {
    const program = Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = (yield* Path.Path).join(yield* fs.makeTempDirectoryScoped(), "groups.jsonl")
      yield* fs.writeFileString(file, `${JSON.stringify(group)}\n\n`)
      const groups = yield* readGroups(file)
      yield* fs.writeFileString(file, "{}\n", { flag: "a" })
      return { groups, error: yield* Effect.flip(readGroups(file)) }
    })
    const { error, groups } = await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(NodeServices.layer)))
    expect(groups).toEqual([group])
    expect(error.subject).toMatch(/groups\.jsonl:3$/)
  })
})

describe("judges that write", () => {
  const pairs = [{ constraint: "be sad", response: "Alas." }, { constraint: "be glad", response: "Alas." }]

  test("a chat model is asked each pair once, at temperature 0", async () => {
    const asked: Array<ChatRequest> = []
    const endpoint = Layer.mock(ChatEndpoint, {
      model: "some-judge",
      concurrency: 4,
      complete: (request) => {
        asked.push(request)
        const text = request.messages[0]!.content.includes("be sad") ? "Yes" : "<think>Hm, yes?</think>No."
        return Effect.succeed({ text, finish: "stop", tokens: 1, cached: false })
      }
    })
    const judge = await Effect.runPromise(chatJudge({ maxTokens: 8 }).pipe(Effect.provide(endpoint)))
    expect(judge.name).toBe("some-judge")
    expect(await Effect.runPromise(judge.score(pairs))).toEqual([1, 0])
    expect(asked).toEqual(pairs.map((pair) => ({
      messages: [{ role: "user", content: judgeQuestion(pair) }], temperature: 0, maxTokens: 8
    })))
  })

  test("the policy is asked the same, greedily", async () => {
    const requests: Array<{ readonly promptTokens: Int32Array; readonly maxTokens: number }> = []
    const rollout = Layer.mock(Rollout, {
      generate: (some, options) => {
        expect(options?.temperature).toBe(0)
        requests.push(...some)
        return Effect.succeed(some.map(({ id }, i): Completion => ({
          _tag: "Completion", promptId: id, index: 0, tokens: Int32Array.of(i), logProbs: new Float32Array(1), samplingLogProbs: new Float32Array(1), stopReason: "stop"
        })))
      }
    })
    const texts: Array<string> = []
    const judge = await Effect.runPromise(policyJudge({
      name: "policy",
      maxTokens: 8,
      encode: (message) => Effect.sync(() => Int32Array.of(texts.push(message))),
      decode: ([token]) => token === 0 ? "I think yes" : "hm",
      sampling: {}
    }).pipe(Effect.provide(rollout)))
    expect(await Effect.runPromise(judge.score(pairs))).toEqual([1, 0.5])
    expect(texts).toEqual(pairs.map(judgeQuestion))
    expect(requests.map(({ maxTokens, promptTokens }) => [[...promptTokens], maxTokens])).toEqual([[[1], 8], [[2], 8]])
  })

  test("verdicts are the last yes or no after the thought", () => {
    expect(readVerdict("Yes.")).toBe(1)
    expect(readVerdict("<think>No, it is not sad.</think>\n\nYes")).toBe(1)
    expect(readVerdict("Yes and then no")).toBe(0)
    expect(readVerdict("Yesterday I cannot know.")).toBe(0.5)
    expect(readVerdict("<think>\nIt has no comma, so yes")).toBe(0.5)
  })
  test("the question holds the constraint and the response, and the instruction where there is one", () => {
    const pair = { constraint: "be sad", response: "Alas.", instruction: "Write." }
    for (const part of Object.values(pair)) expect(judgeQuestion(pair)).toContain(part)
    expect(judgeQuestion({ ...pair, instruction: "" })).not.toContain("Instruction:")
  })
})
