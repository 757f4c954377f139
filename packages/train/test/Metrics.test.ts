import { expect, test } from "@jest/globals"
import { NodeServices } from "@effect/platform-node"
import { Effect, FileSystem } from "effect"
import { Metrics } from "../src/index.ts"

test("a resumed run rewrites the steps after its checkpoint, and a line cut short is dropped", () =>
  Effect.runPromise(
    Effect.scoped(Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = `${yield* fs.makeTempDirectoryScoped()}/run/metrics.jsonl`
      yield* Effect.gen(function*() {
        const metrics = yield* Metrics
        yield* metrics.rewind(0)
        for (const step of [1, 2, 3]) yield* metrics.log(step, { loss: step, kl: step === 2 ? NaN : 0 })
        yield* fs.writeFileString(file, "{\"step\":4,\"lo", { flag: "a" })
        yield* metrics.rewind(2)
        yield* metrics.log(3, { loss: 9 })
      }).pipe(Effect.provide(Metrics.layerJsonl(file)))
      expect((yield* fs.readFileString(file)).trim().split("\n").map((line) => JSON.parse(line))).toEqual([
        { step: 1, loss: 1, kl: 0 },
        { step: 2, loss: 2, kl: "NaN" },
        { step: 3, loss: 9 }
      ])
    })).pipe(Effect.provide(NodeServices.layer))
  ))
