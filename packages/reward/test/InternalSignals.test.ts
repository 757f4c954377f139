import { describe, expect, test } from "@jest/globals"
import { promptRow } from "@ifrl/curriculum"
import { Effect } from "effect"
import { abstained, failed, type RewardFunction, type RewardSample, scored, selfConsistency, stepPlausibility, thoughtSteps } from "../src/index.ts"

const sum = promptRow({ instruction: "What is 1 plus 1?", domain: "math", constraints: [], answer: "2" })
const poem = promptRow({ instruction: "Write a poem.", domain: "writing", constraints: [] })
const outcomes = async (signal: RewardFunction, samples: ReadonlyArray<RewardSample>) =>
  (await Effect.runPromise(signal.score(samples))).map(([part]) => part!.outcome)
const sample = (row: typeof sum, answer: string, completion?: RewardSample["completion"]): RewardSample => ({ id: "", row, text: answer, answer, completion })

describe("selfConsistency", () => {
  test("is the share of the others with the same answer by value, within a prompt", async () => {
    const samples = ["\\boxed{2}", "It is \\boxed{2.0}", "\\boxed{3}", ""].map((answer) => sample(sum, answer))
    expect(await outcomes(selfConsistency({ weight: 0.5 }), [...samples, sample(poem, "roses")])).toEqual([
      scored(1 / 3), scored(1 / 3), scored(0), scored(0), abstained("the prompt asks for no final answer")
    ])
  })
  test("a sample that it does not apply to agrees with nobody", async () => {
    const signal = selfConsistency({ weight: 1, appliesTo: ({ answer }) => answer !== "I pass" })
    expect(await outcomes(signal, ["2", "I pass", "2"].map((answer) => sample(sum, answer)))).toEqual([
      scored(1 / 2), abstained("the prompt asks for no final answer"), scored(1 / 2)
    ])
  })
  test("needs somebody to agree with, and carries its weight", async () => {
    expect(await outcomes(selfConsistency({ weight: 1 }), [sample(sum, "2")])).toEqual([abstained("there is no other response to agree with")])
    const parts = await Effect.runPromise(selfConsistency({ weight: 0.25 }).score([sample(sum, "2"), sample(sum, "2")]))
    expect(parts[0]![0]!.weight).toBe(0.25)
  })
})

describe("stepPlausibility", () => {
  const words = ["<think>", "\n", "one", " two", ".", " three", "\n", "four", "</think>", "answer"]
  const decodeToken = (token: number) => words[token]!
  const tokens = words.map((_, i) => i)

  test("steps are the lines and sentences of the thought", () => {
    expect(thoughtSteps(tokens, decodeToken)).toEqual([[2, 3, 4], [5, 6], [7]])
    expect(thoughtSteps(tokens.slice(0, 8), decodeToken)).toEqual([])
    expect(thoughtSteps(tokens.slice(2), decodeToken)).toEqual([[0, 1, 2], [3, 4], [5]])
  })

  test("a tag that is several tokens, as most tokenizers have it, is no step and part of none", () => {
    const split = ["Sure", ".\n", "<", "think", ">\n", "one", ".", " two", "\n", "</", "think", ">\n", "answer"]
    const steps = (pieces: ReadonlyArray<string>) => thoughtSteps(pieces.map((_, i) => i), (token) => pieces[token]!)
    expect(steps(split)).toEqual([[5, 6], [7, 8]])
    expect(steps(split.toSpliced(8, 1))).toEqual([[5, 6], [7]])
    expect(steps(split.slice(0, 11))).toEqual([])
  })

  test("is the mean over steps of exp of the mean log-prob", async () => {
    const logProbs = [0, 0, -1, -2, -3, -0.5, -0.5, -1, 0, -9]
    const expected = (Math.exp(-2) + Math.exp(-0.5) + Math.exp(-1)) / 3
    const [outcome] = await outcomes(stepPlausibility({ weight: 1, decodeToken }), [sample(sum, "", { tokens, logProbs })])
    expect(outcome).toEqual(scored(expected))
    const given = stepPlausibility({ weight: 1, decodeToken, logProbsOf: (samples) => Effect.succeed(samples.map(() => logProbs.map(() => 0))) })
    expect(await outcomes(given, [sample(sum, "", { tokens, logProbs })])).toEqual([scored(1)])
  })

  test("without tokens it fails, without a whole thought it abstains", async () => {
    const signal = stepPlausibility({ weight: 1, decodeToken })
    expect(await outcomes(signal, [sample(sum, "")])).toEqual([failed("the sample comes without its tokens")])
    expect(await outcomes(signal, [sample(sum, "", { tokens: [9], logProbs: [0] })])).toEqual([abstained("there is no whole thought")])
  })
})
