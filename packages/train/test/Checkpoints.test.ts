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

  test("the one with the best score is kept beyond the newest few, the earliest among equals", () =>
    withFolder((folder) =>
      Effect.gen(function*() {
        const checkpoints = yield* Checkpoints
        expect(yield* checkpoints.best).toBeUndefined()
        const scores: ReadonlyArray<number | undefined> = [0.2, 0.7, undefined, 0.7, 0.1, undefined]
        for (const [i, score] of scores.entries()) yield* checkpoints.save(i + 1, {}, put(`w${i + 1}`), score)
        const fs = yield* FileSystem.FileSystem
        expect((yield* fs.readDirectory(`${folder}/checkpoints`)).toSorted()).toEqual([
          "step-000002",
          "step-000005",
          "step-000006"
        ])
        expect(yield* checkpoints.best).toMatchObject({ step: 2, score: 0.7 })
        expect((yield* checkpoints.latest)?.step).toBe(6)
      })
    ))

  test("a folder of another version is refused by its number", () =>
    withFolder(() =>
      Effect.gen(function*() {
        const checkpoints = yield* Checkpoints
        const fs = yield* FileSystem.FileSystem
        const file = `${yield* checkpoints.save(1, {}, put("one"))}/trainer_state.json`
        yield* fs.writeFileString(file, (yield* fs.readFileString(file)).replace("\"version\": 1", "\"version\": 7"))
        expect((yield* Effect.flip(checkpoints.latest)).message).toMatch(
          /trainer_state\.json: is of version 7, this program reads version 1; resume with the version of ifrl that wrote it/
        )
      })
    ))
})
