/** Generation by every row of the family table against transformers' own (fixtures of @ifrl/models). */
import { NodeServices } from "@effect/platform-node"
import { Runtime } from "@ifrl/runtime"
import { expect, test } from "@jest/globals"
import { Effect, Layer } from "effect"
import { nodesWithoutCudaKernel } from "@ifrl/artifacts"
import { familyCase, familyCases } from "../../models/test/families.ts"
import { generateGraph, Rollout } from "../src/index.ts"

test.each(Object.keys(familyCases))("40 greedy tokens and their log-probs are those of transformers: %s", async (name) => {
  const { config, expected, parameters } = await Effect.runPromise(familyCase(name).pipe(Effect.provide(NodeServices.layer)))
  const promptTokens = Int32Array.from(Array.from(expected["greedy.prompt"]!.as("int64").data, Number))
  const request = { id: "p", promptTokens, maxTokens: 40, key: { seed: 0, step: 0 } }
  // Five rows beside it, so that both forms of the products run and rows stand at different positions.
  const beside = { ...request, id: "q", promptTokens: promptTokens.slice(2), count: 5 }
  const completions = await Effect.runPromise(
    Rollout.use((rollout) => rollout.generate([request, beside], { temperature: 0 })).pipe(
      Effect.provide(Rollout.layer({ model: { config, parameters }, maxLength: 64 }).pipe(Layer.provide(Runtime.layer())))
    )
  )
  expect(Array.from(completions[0]!.tokens)).toEqual(Array.from(expected["greedy.tokens"]!.as("int64").data, Number))
  const logProbs = expected["greedy.log_probs"]!.as("float32").data
  completions[0]!.logProbs.forEach((x, t) => expect(Math.abs(x - logProbs[t]!)).toBeLessThan(1e-4))
  for (const single of [false, true]) {
    expect(nodesWithoutCudaKernel(generateGraph(config, { maxLength: 64, elementType: "bfloat16", single }))).toEqual([])
  }
})
