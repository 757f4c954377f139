// In which order the rows of a dataset are trained on. A schedule is a function of dataset, seed and pass, so the place
// reached in it (a cursor) is two numbers, and a resumed run goes on exactly where it was.
import { createHash } from "node:crypto"
import { Effect, Result, Schema } from "effect"
import type { PromptRow } from "./PromptRow.ts"
import { PromptError } from "./PromptError.ts"
import { random } from "./Random.ts"

export const ScheduleConfig = Schema.Struct({
  name: Schema.Literals(["progressive", "shuffled", "replay"]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("progressive" as const))
  ).annotate({
    description:
      "progressive: level by level, shuffled within; shuffled: no order of levels; replay: progressive with rows of lower levels mixed in."
  }),
  seed: Schema.Int.pipe(Schema.withDecodingDefaultKey(Effect.succeed(0))).annotate({ description: "Seed of the order." }),
  span: Schema.optionalKey(Schema.Int.pipe(Schema.check(Schema.isGreaterThan(0)))).annotate({
    description:
      "Prompts in one pass, each level in proportion to its rows; by default all rows. Give the prompts of the whole run to climb all levels once in it."
  }),
  replay: Schema.Finite.pipe(
    Schema.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
    Schema.withDecodingDefaultKey(Effect.succeed(0.25))
  ).annotate({ description: "For replay: the share of prompts above the lowest level that a lower level replaces." })
})
export type ScheduleConfig = typeof ScheduleConfig.Type

/** A place in a schedule; plain JSON. */
export const Cursor = Schema.Struct({
  /** Of the rows' ids and the schedule's config. */
  fingerprint: Schema.String,
  pass: Schema.Int,
  /** Prompts taken in this pass. */
  offset: Schema.Int
})
export type Cursor = typeof Cursor.Type

/** Indices of `count` of the given rows in shuffled order, each once before any comes again. */
const deal = (indices: ReadonlyArray<number>, count: number, ...key: ReadonlyArray<number | string>): Array<number> => {
  const rounds = Array.from({ length: Math.ceil(count / indices.length) }, (_, round) => random(...key, round).shuffle(indices))
  return rounds.flat().slice(0, count)
}

interface Pass {
  /** Row indices by level, lowest first. */
  readonly levels: ReadonlyArray<ReadonlyArray<number>>
  readonly config: ScheduleConfig
  readonly pass: number
  readonly span: number
}

const ladder = ({ config, levels, pass, span }: Pass): Array<Array<number>> => {
  const total = levels.reduce((sum, level) => sum + level.length, 0)
  let before = 0
  return levels.map((level, k) => {
    const from = Math.round((before * span) / total)
    before += level.length
    return deal(level, Math.round((before * span) / total) - from, config.seed, "level", pass, k)
  })
}

/** The row indices of one pass, by the name of the schedule. */
const orders: Record<ScheduleConfig["name"], (pass: Pass) => Array<number>> = {
  progressive: (pass) => ladder(pass).flat(),
  shuffled: ({ config, levels, pass, span }) => deal(levels.flat(), span, config.seed, "shuffled", pass),
  replay: (pass) => {
    const draw = random(pass.config.seed, "replay", pass.pass)
    return ladder(pass).flatMap((level, k) => {
      const lower = pass.levels.slice(0, k).flat()
      return level.map((index) => lower.length > 0 && draw.chance(pass.config.replay) ? draw.pick(lower) : index)
    })
  }
}

export interface Schedule {
  readonly start: Cursor
  /** The next `count` rows from a cursor, and the cursor after them. Passes follow each other without end. */
  readonly take: (cursor: Cursor, count: number) => { readonly rows: ReadonlyArray<PromptRow>; readonly cursor: Cursor }
  /** A saved cursor, refused when it was taken from other rows or under another config. */
  readonly resume: (saved: unknown) => Result.Result<Cursor, PromptError>
}

/** The schedule of a dataset; fails when that has no rows. */
export const makeSchedule = (
  rows: ReadonlyArray<PromptRow>,
  config: ScheduleConfig
): Result.Result<Schedule, PromptError> => {
  if (rows.length === 0) {
    return Result.fail(new PromptError({ problem: "the dataset has no rows", remedy: "give at least one prompt" }))
  }
  const present = [...new Set(rows.map((row) => row.level))].toSorted((a, b) => a - b)
  const levels = present.map((level) => rows.flatMap((row, index) => row.level === level ? [index] : []))
  const span = config.span ?? rows.length
  const fingerprint = createHash("sha256").update(JSON.stringify([config, rows.map((row) => row.id)])).digest("hex").slice(0, 16)

  let known: { pass: number; order: ReadonlyArray<number> } | undefined
  const orderOf = (pass: number) => {
    if (known?.pass !== pass) known = { pass, order: orders[config.name]({ levels, config, pass, span }) }
    return known.order
  }

  const take: Schedule["take"] = (cursor, count) => {
    const taken: Array<PromptRow> = []
    let { offset, pass } = cursor
    while (taken.length < count) {
      const part = orderOf(pass).slice(offset, offset + count - taken.length)
      taken.push(...part.map((index) => rows[index]!))
      offset += part.length
      if (offset >= span) {
        pass++
        offset = 0
      }
    }
    return { rows: taken, cursor: { fingerprint, pass, offset } }
  }

  const resume: Schedule["resume"] = (saved) =>
    Schema.decodeUnknownResult(Cursor)(saved).pipe(
      Result.mapError((cause) =>
        new PromptError({ problem: `not a cursor: ${cause.message}`, remedy: "resume from an intact checkpoint", cause })
      ),
      Result.flatMap((cursor) =>
        cursor.fingerprint === fingerprint && cursor.pass >= 0 && cursor.offset >= 0 && cursor.offset < span
          ? Result.succeed(cursor)
          : Result.fail(
            new PromptError({
              problem: `the cursor ${JSON.stringify(cursor)} is of another dataset or schedule (here ${fingerprint})`,
              remedy: "resume with the rows, schedule and seed of the run that saved it"
            })
          )
      )
    )

  return Result.succeed({ start: { fingerprint, pass: 0, offset: 0 }, take, resume })
}
