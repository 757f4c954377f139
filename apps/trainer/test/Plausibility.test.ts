// Plausibility of the thought's steps under the policy and under the reference, in whole runs of the embedded model.
import { NodeServices } from "@effect/platform-node"
import { afterAll, beforeAll, expect, test } from "@jest/globals"
import { promptRow } from "@ifrl/curriculum"
import { loadModel } from "@ifrl/models"
import { Runtime } from "@ifrl/runtime"
import { makeTrainable, packMicroBatches } from "@ifrl/train"
import { Effect, Layer, Schema } from "effect"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Config, modelDirectory } from "../src/index.ts"
import { referenceLogProbs } from "../src/ReferenceLogProbs.ts"
import { promptEncoder } from "../src/Session.ts"
import { policyLoss, trainingArtifacts } from "../src/TrainingArtifacts.ts"
import { runCli } from "./runCli.ts"

let folder = ""
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ifrl-plausibility-"))
  for (const [file, verb] of [["train.jsonl", "Write about"], ["held.jsonl", "Describe"]] as const) {
    const rows = ["the sea", "a fox"].map((subject) =>
      promptRow({ instruction: `${verb} ${subject}.`, domain: "writing", constraints: [{ id: "punctuation:no_comma", kwargs: {}, text: "Use no commas" }] }))
    await writeFile(join(folder, file), rows.map((row) => JSON.stringify(row)).join("\n"))
  }
})
afterAll(() => rm(folder, { recursive: true }))

const settings = {
  "run.folder": () => folder,
  "model.path": "embedded",
  "data.prompts": () => join(folder, "train.jsonl"),
  "data.heldOut": () => join(folder, "held.jsonl"),
  "curriculum.decompose": false,
  "reward.plausibilityWeight": 1,
  "reward.soft": "none",
  "rollout.promptsPerStep": 2,
  "rollout.groupSize": 4,
  "rollout.maxTokens": 64,
  "rollout.temperature": 0.7,
  "optimizer.learningRate": 0.003,
  "schedule.warmupSteps": 0,
  "eval.prompts": 1,
  "train.steps": 2
}

/** Plausibilities of each step's responses in a run under the policy's or the reference's log-probs. */
const plausibilities = async (under: string, ...more: ReadonlyArray<string>) => {
  const name = [under, ...more].join("-").replaceAll(/[^a-z-]/g, "")
  const sets = [...Object.entries(settings).map(([key, value]) => `${key}=${typeof value === "function" ? value() : value}`), `reward.plausibilityUnder=${under}`, ...more]
  const args = ["train", "--name", name, ...sets.flatMap((assignment) => ["--set", assignment])]
  expect((await runCli(...args)).exit).toMatchObject({ _tag: "Success" })
  const lines = (await readFile(join(folder, name, "completions.jsonl"), "utf8")).trim().split("\n").map((line) => JSON.parse(line))
  return [1, 2].map((step) =>
    lines.filter((line) => line.step === step).map((line): number => line.parts.find((part: { name: string }) => part.name === "step_plausibility").score)
  )
}

test("the reference's plausibility is the policy's until the first update, and not after it", async () => {
  const policy = await plausibilities("policy")
  const reference = await plausibilities("reference")
  expect(policy[0]).toHaveLength(8)
  policy[0]!.forEach((value, i) => expect(reference[0]![i]).toBeCloseTo(value, 4))
  const adapter = await plausibilities("reference", "lora.rank=4")
  adapter[0]!.forEach((value, i) => expect(value).toBeCloseTo(policy[0]![i]!, 4))
  const difference = Math.max(...reference[1]!.map((value, i) => Math.abs(value - policy[1]![i]!)))
  expect(difference).toBeGreaterThan(1e-3)
}, 300_000)

test("log-probs under the reference are at temperature 1, whatever the run samples at", async () => {
  const config = Schema.decodeUnknownSync(Config)({ model: { path: "embedded" }, rollout: { temperature: 0.5 } })
  const found = await Effect.runPromise(
    Effect.scoped(Effect.gen(function*() {
      const model = yield* loadModel(modelDirectory("embedded"))
      const encoder = promptEncoder(config, model)
      const row = promptRow({ instruction: "Write about the sea.", domain: "writing", constraints: [] })
      const tokens = model.tokenizer.encode("<think>\nThe sea is wide.\n</think>\n\nThe sea is wide.")
      const prompt = yield* encoder.encode(row)
      const { config: decoder, parameters } = model
      const logProbsOf = yield* referenceLogProbs({ config: decoder, parameters, maxLength: 256, microBatch: {}, encode: encoder.encode })
      const sample = { id: "", row: row, text: "", answer: "" }
      const [own, empty] = yield* logProbsOf([{ ...sample, completion: { tokens, logProbs: [] } }, sample])
      const rows = [{ id: "", tokens: Int32Array.of(...prompt, ...tokens), promptLength: prompt.length, fields: {} }]
      const batch = packMicroBatches(rows, {})[0]!
      const evaluated = Effect.fnUntraced(function*(temperature: number) {
        const at = { ...config, rollout: { ...config.rollout, temperature } }
        const artifacts = trainingArtifacts(at, decoder, policyLoss(at))
        const trainable = yield* makeTrainable({ model, artifacts, weightDecay: 0 })
        const { logProbs } = yield* trainable.evaluate({ ...batch, fields: { weights: new Float32Array(batch.B * batch.T) } })
        return logProbs.subarray(prompt.length - 1)
      })
      return { own: own!, empty: empty!, whole: yield* evaluated(1), tempered: yield* evaluated(0.5) }
    })).pipe(Effect.provide(Layer.merge(Runtime.layer({ threads: 1 }), NodeServices.layer)))
  )
  expect(found.empty).toHaveLength(0)
  expect(found.own.length).toBeGreaterThan(8)
  found.own.forEach((logProb, t) => expect(logProb).toBeCloseTo(found.whole[t]!, 4))
  expect(Math.max(...found.own.map((logProb, t) => Math.abs(logProb - found.tempered[t]!)))).toBeGreaterThan(0.1)
}, 300_000)
