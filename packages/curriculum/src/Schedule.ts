// In which order the rows of a dataset are trained on. A schedule is a function of dataset, seed and pass, so the place
// reached in it (a cursor) is two numbers, and a resumed run goes on exactly where it was.
import { createHash } from "node:crypto"
import { Effect, Result, Schema } from "effect"
import type { PromptRow } from "./PromptRow.ts"
import { PromptError } from "./PromptError.ts"
import { isReasoning } from "./Reasoning.ts"
import { deal } from "./Deal.ts"
import { type Adaptive, adaptive, LevelState } from "./Adaptive.ts"
import { random } from "./Random.ts"

const share = Schema.Finite.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 1 })))

export const ScheduleConfig = Schema.Struct({
  name: Schema.Literals(["progressive", "shuffled", "replay", "adaptive"])
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed("progressive" as const)))
    .annotate({
      description:
        "progressive: level by level, shuffled within; shuffled: no order of levels; replay: progressive with rows of lower levels mixed in; adaptive: levels by their measured pass rate."
    }),
  seed: Schema.Int.pipe(Schema.withDecodingDefaultKey(Effect.succeed(0))).annotate({
    description: "Seed of the order."
  }),
  span: Schema.optionalKey(Schema.Int.pipe(Schema.check(Schema.isGreaterThan(0)))).annotate({
    description:
      "Prompts in one pass, each level in proportion to its rows; by default all rows. Give the prompts of the whole run to climb all levels once in it."
  }),
  replay: Schema.Finite.pipe(
    Schema.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
    Schema.withDecodingDefaultKey(Effect.succeed(0.25))
  ).annotate({ description: "For replay: the share of prompts above the lowest level that a lower level replaces." }),
  promote: Schema.optionalKey(share).annotate({
    description:
      "For adaptive: the pass rate of a level from which on the next one is drawn from as well; 0.5 by default."
  }),
  reasoning: Schema.optionalKey(share).annotate({
    description:
      "Share of prompts that are reasoning rows (answer:math, answer:choice), spread evenly; by default their share of the rows, 0 leaves them out."
  })
})
export type ScheduleConfig = typeof ScheduleConfig.Type

/** Measured on one prompt: the share of its completions that satisfy every constraint. */
export interface Outcome {
  readonly row: PromptRow
  readonly passRate: number
}

/** A place in a schedule; plain JSON. */
export const Cursor = Schema.Struct({
  /** Of the rows' ids and the schedule's config. */
  fingerprint: Schema.String,
  pass: Schema.Int,
  /** Prompts taken in this pass. */
  offset: Schema.Int,
  /** What an adaptive schedule knows of each level, lowest first. */
  levels: Schema.optionalKey(Schema.Array(LevelState))
})
export type Cursor = typeof Cursor.Type

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
const orders: Record<Exclude<ScheduleConfig["name"], "adaptive">, (pass: Pass) => Array<number>> = {
  progressive: (pass) => ladder(pass).flat(),
  shuffled: ({ config, levels, pass, span }) => deal(levels.flat(), span, config.seed, "shuffled", pass),
  replay: (pass) => {
    const draw = random(pass.config.seed, "replay", pass.pass)
    return ladder(pass).flatMap((level, k) => {
      const lower = pass.levels.slice(0, k).flat()
      return level.map((index) => (lower.length > 0 && draw.chance(pass.config.replay) ? draw.pick(lower) : index))
    })
  }
}

export interface Schedule {
  readonly start: Cursor
  /** The next `count` rows from a cursor, and the cursor after them. Passes follow each other without end. */
  readonly take: (cursor: Cursor, count: number) => { readonly rows: ReadonlyArray<PromptRow>; readonly cursor: Cursor }
  /** The cursor that knows how prompts were answered; the same one unless the schedule is adaptive. */
  readonly observe: (cursor: Cursor, outcomes: ReadonlyArray<Outcome>) => Cursor
  /** A saved cursor, refused when it was taken from other rows or under another config. */
  readonly resume: (saved: unknown) => Result.Result<Cursor, PromptError>
}

/** Whether place `i` of a pass has a reasoning row, so that any stretch of prompts has its share of them. */
const isReasoningPlace = (i: number, ratio: number): boolean => {
  // 49 * (1 / 49) is less than 1 in floating point, and is meant.
  const before = (places: number) => Math.floor(places * ratio + 1e-9)
  return before(i + 1) > before(i)
}

/** The schedule of a dataset; fails when that has no rows to give. */
export const makeSchedule = (
  rows: ReadonlyArray<PromptRow>,
  config: ScheduleConfig
): Result.Result<Schedule, PromptError> => {
  const indices = rows.map((_, index) => index)
  const questions = config.reasoning === 0 ? [] : indices.filter((index) => isReasoning(rows[index]!))
  const instructions = config.reasoning === 1 ? [] : indices.filter((index) => !isReasoning(rows[index]!))
  const given = questions.length + instructions.length
  if (given === 0) {
    const reason = rows.length === 0 ? "the dataset has no rows" : "the share of reasoning rows leaves no rows"
    return Result.fail(new PromptError({ problem: reason, remedy: "give at least one prompt" }))
  }
  if (questions.length === 0 && (config.reasoning ?? 0) > 0) {
    const problem = `${config.reasoning} of the prompts are to be reasoning rows, and the dataset has none`
    return Result.fail(new PromptError({ problem, remedy: "build it with `questions`, or leave `reasoning` out" }))
  }
  const ratio =
    questions.length === 0 ? 0 : instructions.length === 0 ? 1 : (config.reasoning ?? questions.length / given)
  const present = [...new Set(instructions.map((index) => rows[index]!.level))].toSorted((a, b) => a - b)
  const levels = present.map((level) => instructions.filter((index) => rows[index]!.level === level))
  // Without a span, a pass gives every instruction once.
  const span =
    config.span ?? (ratio === 1 ? questions.length : Math.max(1, Math.round(instructions.length / (1 - ratio))))
  const fingerprint = createHash("sha256")
    .update(JSON.stringify([config, rows.map((row) => row.id)]))
    .digest("hex")
    .slice(0, 16)
  const places = Array.from({ length: span }, (_, i) => ratio === 1 || isReasoningPlace(i, ratio))
  const asked = places.filter(Boolean).length
  const adapting =
    config.name === "adaptive" && levels.length > 0
      ? adaptive({ levels, seed: config.seed, promote: config.promote ?? 0.5 })
      : undefined

  let known: { pass: number; order: ReadonlyArray<number> } | undefined
  /** The row indices of a pass; -1 stands for a prompt that an adaptive schedule chooses when it comes to it. */
  const orderOf = (pass: number): ReadonlyArray<number> => {
    if (known?.pass === pass) return known.order
    const own =
      asked === span || levels.length === 0
        ? []
        : config.name === "adaptive"
          ? Array.from({ length: span - asked }, () => -1)
          : orders[config.name]({ levels, config, pass, span: span - asked })
    const mixed = questions.length === 0 ? [] : deal(questions, asked, config.seed, "reasoning", pass)
    let [i, j] = [0, 0]
    known = { pass, order: places.map((question) => (question ? mixed[j++]! : own[i++]!)) }
    return known.order
  }

  const take: Schedule["take"] = (cursor, count) => {
    const taken: Array<PromptRow> = []
    let { offset, pass } = cursor
    let state: Adaptive | undefined = adapting && (cursor.levels ?? adapting.start)
    while (taken.length < count) {
      const part = orderOf(pass).slice(offset, offset + count - taken.length)
      for (const index of part) {
        if (index >= 0) {
          taken.push(rows[index]!)
        } else {
          const drawn = adapting!.draw(state!)
          state = drawn.state
          taken.push(rows[drawn.index]!)
        }
      }
      offset += part.length
      if (offset >= span) {
        pass++
        offset = 0
      }
    }
    return { rows: taken, cursor: { fingerprint, pass, offset, ...(state !== undefined && { levels: state }) } }
  }

  const observe: Schedule["observe"] = (cursor, outcomes) => {
    if (adapting === undefined) return cursor
    const measured = outcomes.flatMap(({ passRate, row }) =>
      isReasoning(row) ? [] : [{ level: present.indexOf(row.level), passRate }]
    )
    return {
      ...cursor,
      levels: adapting.observe(
        cursor.levels ?? adapting.start,
        measured.filter(({ level }) => level >= 0)
      )
    }
  }

  const resume: Schedule["resume"] = (saved) =>
    Schema.decodeUnknownResult(Cursor)(saved).pipe(
      Result.mapError(
        (cause) =>
          new PromptError({
            problem: `not a cursor: ${cause.message}`,
            remedy: "resume from an intact checkpoint",
            cause
          })
      ),
      Result.flatMap((cursor) =>
        cursor.fingerprint === fingerprint &&
        cursor.pass >= 0 &&
        cursor.offset >= 0 &&
        cursor.offset < span &&
        (cursor.levels?.length ?? levels.length) === levels.length
          ? Result.succeed(cursor)
          : Result.fail(
              new PromptError({
                problem: `the cursor ${JSON.stringify(cursor)} is of another dataset or schedule (here ${fingerprint})`,
                remedy: "resume with the rows, schedule and seed of the run that saved it"
              })
            )
      )
    )

  return Result.succeed({
    start: { fingerprint, pass: 0, offset: 0, ...(adapting !== undefined && { levels: adapting.start }) },
    take,
    observe,
    resume
  })
}
