// A suite's records, their responses, and the verdicts on them.
import { type Instruction, verify, verifyLoose } from "@ifrl/verifiers"
import { Effect, FileSystem, Path } from "effect"
import { createHash } from "node:crypto"
import { BenchError } from "./BenchError.ts"
import type { InstructionVerdict, RecordVerdict, Suite, SuiteRecord } from "./suites/Suite.ts"

/** A file that a result rests on. */
export interface DataFile {
  readonly path: string
  readonly sha256: string
}

/** The records of a suite from its files below `directory`. */
export const loadSuite = Effect.fn("loadSuite")(function*(suite: Suite, directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const files = yield* Effect.forEach(suite.files, (name) => {
    const place = path.join(directory, name)
    return fs.readFile(place).pipe(
      Effect.map((bytes) => ({ name, place, sha256: createHash("sha256").update(bytes).digest("hex") })),
      Effect.mapError((cause) =>
        new BenchError({
          subject: place,
          reason: cause.reason._tag === "NotFound" ? "no such file" : cause.message,
          remedy: `fetch ${suite.title}'s data ("npm run data" in the project's repository, or ${suite.source}), and name the folder that holds ` +
            `${name} with --data or IFRL_DATA_DIR`,
          cause
        })
      )
    )
  })
  const records = yield* suite.read(files.map((file) => file.place))
  return { records, files: files.map(({ name, sha256 }): DataFile => ({ path: name, sha256 })) }
})

const judgeInstruction = (suite: Suite, instruction: Instruction, response: string): InstructionVerdict => {
  const decide = (by: typeof verify) => {
    const verdict = by(instruction, response)
    if (verdict._tag === "Undecided") throw verdict.reason
    return verdict.followed
  }
  const strict = decide(verify)
  // A response that is followed as it is needs no variants.
  return { id: instruction.id, strict, ...(suite.loose && { loose: strict || decide(verifyLoose) }) }
}

/** The verdicts on a record's response; without one nothing is followed. */
export const judge = (suite: Suite, record: SuiteRecord, response: string | undefined): Effect.Effect<RecordVerdict, BenchError> =>
  Effect.try({
    try: () => ({
      record,
      response,
      instructions: record.instructions.map((instruction) =>
        response === undefined
          ? { id: instruction.id, strict: false, ...(suite.loose && { loose: false }) }
          : judgeInstruction(suite, instruction, response)
      )
    }),
    catch: (cause) =>
      new BenchError({
        subject: `${suite.title}, prompt ${record.key}`,
        reason: cause instanceof Error ? cause.message : String(cause),
        remedy: "fetch the suite's data again",
        cause
      })
  })
