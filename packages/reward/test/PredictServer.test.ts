import { NodeHttpServer } from "@effect/platform-node"
import { expect, test } from "@jest/globals"
import { Effect, Layer } from "effect"
import { HttpBody, HttpClient, HttpRouter } from "effect/http"
import { predictRoutes, RewardModel, RewardModelError, type RewardPair } from "../src/index.ts"

const asked: Array<ReadonlyArray<RewardPair>> = []
const model = Layer.succeed(RewardModel, {
  name: "test",
  readsInstruction: true,
  counts: Effect.succeed({ pairs: 3, read: 2, runs: 1 }),
  score: (pairs) => {
    asked.push(pairs)
    return pairs.some(({ constraint }) => constraint === "break")
      ? Effect.fail(new RewardModelError({ operation: "score", subject: "x", reason: "broken", remedy: "mend it" }))
      : Effect.succeed(pairs.map((_, i) => i === 0 ? 0.98765 : 0.4))
  }
})

test("answers the released service's request, a batch in one call, and says what is wrong", async () => {
  const program = Effect.gen(function*() {
    const client = yield* HttpClient.HttpClient
    const post = (path: string, body: unknown) =>
      client.post(path, { body: HttpBody.jsonUnsafe(body) }).pipe(
        Effect.flatMap((response) => Effect.map(response.json, (json) => [response.status, json] as const))
      )
    expect(yield* post("/predict", { question: "Sound sad", answer: "Alas." })).toEqual([
      200, { value: 0.988, pred: 1, question: "Sound sad", answer: "Alas." }
    ])
    const pair = (answer: string) => ({ question: "q", answer, instruction: "i" })
    expect(yield* post("/predict/batch", { pairs: [pair("a"), pair("b")] })).toEqual([
      200, { predictions: [{ value: 0.988, pred: 1 }, { value: 0.4, pred: 0 }] }
    ])
    expect(asked.at(-1)).toEqual([
      { constraint: "q", response: "a", instruction: "i" }, { constraint: "q", response: "b", instruction: "i" }
    ])
    expect(yield* post("/predict", { question: "Sound sad" })).toEqual([400, { error: expect.stringContaining("answer") }])
    expect(yield* post("/predict", { question: "break", answer: "a" })).toEqual([500, { error: "score: x: broken; mend it" }])
    const health = yield* client.get("/health").pipe(Effect.flatMap((response) => response.json))
    expect(health).toEqual({ model: "test", readsInstruction: true, pairs: 3, read: 2, runs: 1 })
  })
  const server = HttpRouter.serve(predictRoutes, { disableListenLog: true, disableLogger: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layerTest), Layer.provideMerge(model)
  )
  await Effect.runPromise(program.pipe(Effect.provide(server)))
})
