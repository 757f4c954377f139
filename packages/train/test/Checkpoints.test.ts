import { describe, expect, test } from "@jest/globals"
import { NodeServices } from "@effect/platform-node"
import { Effect, FileSystem } from "effect"
import { Checkpoints, TrainError } from "../src/index.ts"

const withFolder = <A, E>(
  use: (folder: string) => Effect.Effect<A, E, Checkpoints | FileSystem.FileSystem>,
  keep = 2
): Promise<A> =>
  Effect.runPromise(
    Effect.scoped(Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      return yield* use(folder).pipe(Effect.provide(Checkpoints.layer(`${folder}/checkpoints`, keep)))
    })).pipe(Effect.provide(NodeServices.layer))
  )

const put = (text: string) => (directory: string) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    yield* fs.makeDirectory(`${directory}/nested`)
    yield* fs.writeFileString(`${directory}/weights.bin`, text)
    yield* fs.writeFileString(`${directory}/nested/part.bin`, text)
  })

describe("Checkpoints", () => {
  test("the latest is the newest, verified, and only the newest few are kept", () =>
    withFolder(() =>
      Effect.gen(function*() {
        const checkpoints = yield* Checkpoints
        expect(yield* checkpoints.latest).toBeUndefined()
        for (const step of [1, 2, 10]) yield* checkpoints.save(step, { cursor: step }, put(`w${step}`))
        const latest = yield* checkpoints.latest
        expect(latest?.step).toBe(10)
        expect(latest?.state).toEqual({ cursor: 10 })
        const fs = yield* FileSystem.FileSystem
        expect((yield* fs.readDirectory(`${latest!.directory}/..`)).toSorted()).toEqual(["step-000002", "step-000010"])
      })
    ))

  test("a changed, missing or truncated file is named", () =>
    withFolder((folder) =>
      Effect.gen(function*() {
        const checkpoints = yield* Checkpoints
        const fs = yield* FileSystem.FileSystem
        const directory = yield* checkpoints.save(1, {}, put("weights"))
        for (
          const damage of [
            fs.writeFileString(`${directory}/nested/part.bin`, "weightz"),
            fs.remove(`${directory}/nested/part.bin`),
            fs.writeFileString(`${directory}/trainer_state.json`, "{")
          ]
        ) {
          yield* damage
          const error = yield* Effect.flip(checkpoints.latest)
          expect(error).toBeInstanceOf(TrainError)
          expect(error.message).toMatch(/part\.bin|trainer_state\.json/)
          expect(error.message).toContain("resume from the one before it")
        }
        expect(folder).toBeTruthy()
      })
    ))

  test("a write that fails leaves the earlier checkpoints and no half-written folder", () =>
    withFolder((folder) =>
      Effect.gen(function*() {
        const checkpoints = yield* Checkpoints
        const fs = yield* FileSystem.FileSystem
        yield* checkpoints.save(1, {}, put("one"))
        const failing = (directory: string) =>
          put("two")(directory).pipe(Effect.andThen(Effect.fail(new Error("no space left on device"))))
        yield* Effect.flip(checkpoints.save(2, {}, failing))
        expect(yield* fs.readDirectory(`${folder}/checkpoints`)).toEqual(["step-000001"])
        expect((yield* checkpoints.latest)?.step).toBe(1)
      })
    ))

  test("a folder left by a crash while writing is ignored and replaced", () =>
    withFolder((folder) =>
      Effect.gen(function*() {
        const checkpoints = yield* Checkpoints
        const fs = yield* FileSystem.FileSystem
        yield* checkpoints.save(1, {}, put("one"))
        yield* fs.makeDirectory(`${folder}/checkpoints/.writing-2`)
        yield* fs.writeFileString(`${folder}/checkpoints/.writing-2/stale`, "x")
        expect((yield* checkpoints.latest)?.step).toBe(1)
        yield* checkpoints.save(2, {}, put("two"))
        expect((yield* checkpoints.latest)?.step).toBe(2)
        expect(yield* fs.exists(`${folder}/checkpoints/step-000002/stale`)).toBe(false)
      })
    ))
})
