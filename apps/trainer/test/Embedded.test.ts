// The model that ships with ifrl: an ordinary folder, small, that answers in its format and leaves something to learn.
import { NodeServices } from "@effect/platform-node"
import { expect, test } from "@jest/globals"
import { loadModel } from "@ifrl/models"
import { Rollout } from "@ifrl/rollout"
import { Runtime } from "@ifrl/runtime"
import { Effect, Layer, Schema } from "effect"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { parse } from "yaml"
import { Config, modelDirectory } from "../src/index.ts"
import { evaluate } from "../src/Evaluation.ts"
import { promptEncoder } from "../src/Session.ts"
import { heldOutPrompts, trainingPrompts } from "../src/Source.ts"

const directory = modelDirectory("embedded")
const readConfig = (name: string) =>
  Schema.decodeUnknownSync(Config)(parse(readFileSync(new URL(`../configs/${name}.yaml`, import.meta.url), "utf8")))

test("is a Hugging Face folder of at most 12 MB", () => {
  const files = readdirSync(directory)
  for (const name of ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]) {
    expect(files).toContain(name)
  }
  const bytes = files.reduce((sum, name) => sum + statSync(`${directory}/${name}`).size, 0)
  expect(bytes).toBeLessThan(12e6)
})

test("has the sizes of the config that made it", async () => {
  const { newModel } = readConfig("embedded-sft")
  const { config } = await Effect.runPromise(loadModel(directory).pipe(Effect.provide(NodeServices.layer)))
  expect(config).toMatchObject({
    vocabSize: newModel.vocabSize,
    hiddenSize: newModel.hiddenSize,
    layers: newModel.layers,
    maxPositions: newModel.maxPositions,
    tiedEmbeddings: true
  })
})

test("answers in its format, and follows some of its constraints but far from all", async () => {
  const config = readConfig("embedded")
  const { evaluation } = await Effect.runPromise(
    Effect.scoped(Effect.gen(function*() {
      const model = yield* loadModel(directory)
      const rows = yield* heldOutPrompts(config, yield* trainingPrompts(config))
      const layer = Rollout.layer({ model, rows: 64, maxLength: 512 })
      return yield* evaluate(rows.slice(0, 100), promptEncoder(config, model), config).pipe(Effect.provide(layer))
    })).pipe(Effect.provide(Layer.merge(Runtime.layer({ threads: 2 }), NodeServices.layer)))
  )
  expect(evaluation.formatRate).toBeGreaterThan(0.95)
  expect(evaluation.relevance).toBeGreaterThan(0.8)
  expect(evaluation.promptStrict).toBeGreaterThan(0.15)
  expect(evaluation.promptStrict).toBeLessThan(0.6)
}, 300_000)
