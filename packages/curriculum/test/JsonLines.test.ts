import { NodeServices } from "@effect/platform-node"
import { expect, test } from "@jest/globals"
import { Data, Effect, FileSystem, Path, Schema } from "effect"
import { decodeJsonLines, type LineFault, readJsonLines } from "../src/index.ts"

class Refused extends Data.TaggedError("Refused")<LineFault> {}
const refuse = (fault: LineFault) => new Refused(fault)
const Point = Schema.Struct({ x: Schema.Int, name: Schema.optionalKey(Schema.String) })

const reading = (text: string) =>
  Effect.runPromise(
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = (yield* Path.Path).join(yield* fs.makeTempDirectoryScoped(), "points.jsonl")
      yield* fs.writeFileString(file, text)
      return yield* Effect.result(readJsonLines(file, Point, refuse))
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

test("values in order, blank lines passed over", async () => {
  expect(await reading('{"x":1}\n\n  \n{"x":2,"name":"b"}\n')).toMatchObject({ success: [{ x: 1 }, { x: 2, name: "b" }] })
  expect(await reading("")).toMatchObject({ success: [] })
})

test.each([
  ["what is not JSON", '{"x":1}\n\n{"x":'],
  ["what is not of the schema", '{"x":1}\n\n{"x":"two"}'],
  ["half a number", '{"x":1}\n\n{"x":1.5}']
])("%s is refused by file and line, in one line", async (_, text) => {
  const failure = await reading(text)
  expect(failure).toMatchObject({ failure: { _tag: "Refused", subject: expect.stringMatching(/points\.jsonl:3$/) } })
  expect(failure).toMatchObject({ failure: { reason: expect.not.stringContaining("\n") } })
})

test("a file that cannot be read is refused by its name; lines of a text keep their numbers", async () => {
  const missing = Effect.result(readJsonLines("/nowhere/points.jsonl", Point, refuse)).pipe(Effect.provide(NodeServices.layer))
  expect(await Effect.runPromise(missing)).toMatchObject({ failure: { subject: "/nowhere/points.jsonl" } })
  expect(await Effect.runPromise(decodeJsonLines("-", '\n{"x":7}', Point, refuse))).toEqual([{ value: { x: 7 }, line: 2 }])
})
