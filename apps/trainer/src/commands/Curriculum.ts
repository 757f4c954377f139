// `ifrl curriculum`: build, import, look at and check datasets of instructions with constraints.
import {
  checkCurriculum,
  constraintsOf,
  datasetRecords,
  datasetRows,
  decodeRow,
  examineRow,
  faultKinds,
  importCurriculum,
  importRecord,
  isCurriculum,
  isReasoning,
  isSoft,
  loadCurriculum,
  makeStatistics,
  makeValidator,
  originals,
  printDataset,
  printValidation,
  type PromptRow,
  readManifest,
  type Validation
} from "@ifrl/curriculum"
import { Effect, Option, Result, Stream } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { FetchHttpClient } from "effect/http"
import { CommandError } from "../CommandError.ts"
import { printResult } from "../Output.ts"
import { build } from "./CurriculumBuild.ts"

const dataset = Argument.String("dataset").pipe(
  Argument.withDescription(
    "Folder of a curriculum, a file (.jsonl, .json, .parquet), or hub:owner/name; our rows, IFEval's or the authors'"
  )
)
const cache = Flag.String("cache").pipe(
  Flag.withDefault(".ifrl/datasets"),
  Flag.withDescription("Folder that keeps datasets of the Hub")
)

const stats = Command.make("stats", { dataset, cache }, ({ cache, dataset }) =>
  Effect.gen(function*() {
    const all = makeStatistics()
    yield* datasetRows(dataset, { cache, strict: false }).pipe(
      Stream.runForEach((row) => Effect.sync(() => all.add(row)))
    )
    const found = all.end()
    yield* printResult(found, printDataset(found))
  }).pipe(Effect.provide(FetchHttpClient.layer))
).pipe(Command.withDescription("Instructions and constraints by level, soft and hard, and by type"))

/** The prompts that a dataset holds out: of a curriculum its own, otherwise those of the file that is named. */
const heldOutPrompts = Effect.fnUntraced(function*(dataset: string, heldOut: Option.Option<string>, cache: string) {
  if (Option.isSome(heldOut)) {
    const rows = yield* datasetRows(heldOut.value, { cache, strict: false }).pipe(Stream.runCollect)
    return new Set(rows.map(({ prompt }) => prompt))
  }
  const own = (yield* isCurriculum(dataset)) && (yield* readManifest(dataset)).heldOut !== undefined
  return own ? new Set((yield* loadCurriculum(dataset, "heldOut")).map(({ prompt }) => prompt)) : new Set<string>()
})

/** Faults that `import --clean` does not leave out: it refuses what it cannot read, and sees rows one by one. */
const keptByImport = ["unreadable", "level", "leak"] as const

/** What to do about the faults that were found. */
const remedyOf = (counts: Validation["counts"]): string => {
  const kept = keptByImport.filter((kind) => counts[kind] !== undefined)
  return kept.length === 0
    ? "mend them, or leave them out with: ifrl curriculum import --clean"
    : `mend them, or take them out of the file: ifrl curriculum import --clean leaves out other faults, not ${kept.join(", ")}`
}

const validate = Command.make(
  "validate",
  {
    dataset,
    cache,
    heldOut: Flag.String("held-out").pipe(
      Flag.withDescription("Dataset whose prompts must not be trained on"),
      Flag.optional
    ),
    examples: Flag.Int("examples").pipe(
      Flag.withDefault(3),
      Flag.withDescription("Findings of each kind that are printed")
    )
  },
  ({ cache, dataset, examples, heldOut }) =>
    Effect.gen(function*() {
      const began = performance.now()
      const validator = makeValidator({ heldOut: yield* heldOutPrompts(dataset, heldOut, cache) })
      // A curriculum is also held against its manifest.
      if (yield* isCurriculum(dataset)) yield* checkCurriculum(dataset)
      yield* datasetRecords(dataset, cache).pipe(
        Stream.runForEach((record) => Effect.sync(() => validator.add(record)))
      )
      const validation = validator.end()
      const seconds = (performance.now() - began) / 1000
      const peakMegabytes = process.resourceUsage().maxRSS / 1024
      const text = `${printValidation(validation, examples)}\n${seconds.toFixed(1)} s, ${peakMegabytes.toFixed(0)} MB`
      yield* printResult({ ...validation, seconds, peakMegabytes }, text)
      if (validation.faulty > 0) {
        return yield* new CommandError({
          operation: "curriculum validate",
          subject: dataset,
          reason: `${validation.faulty} of ${validation.rows} rows have faults`,
          remedy: remedyOf(validation.counts)
        })
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
).pipe(Command.withDescription("Find rows that train the wrong thing; ends with 1 if there are any"))

const importCommand = Command.make(
  "import",
  {
    datasets: Argument.String("dataset").pipe(
      Argument.withDescription("Datasets in the authors' schema, IFEval's or ours"),
      Argument.atLeast(1)
    ),
    cache,
    out: Flag.String("out").pipe(Flag.withMetavar("folder"), Flag.withDescription("Folder of the curriculum")),
    levels: Flag.Boolean("levels").pipe(
      Flag.withDefault(true),
      Flag.withDescription("Write every level of a row whose constraints have texts (--no-levels for whole rows)")
    ),
    clean: Flag.Boolean("clean").pipe(
      Flag.withDefault(false),
      Flag.withDescription(
        "Leave out rows with faults, instead of refusing what cannot be checked and keeping the rest"
      )
    ),
    overwrite: Flag.Boolean("overwrite").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Replace another curriculum in the folder")
    )
  },
  ({ cache, clean, datasets, levels, out, overwrite }) =>
    Effect.gen(function*() {
      const wrong = (row: PromptRow) => examineRow(row).some(({ kind }) => faultKinds[kind].fault)
      const manifest = yield* importCurriculum(datasets, {
        folder: out,
        cache,
        levels,
        overwrite,
        ...(clean && { wrong })
      })
      const counts = Object.entries(manifest.counts)
        .map(([name, n]) => `${name} ${n}`)
        .join(", ")
      yield* printResult(manifest, `${manifest.rows.rows} rows in ${out} (${counts})`)
    }).pipe(Effect.provide(FetchHttpClient.layer))
).pipe(Command.withDescription("Make a curriculum folder of somebody else's dataset"))

const indent = (text: string, by: string) =>
  text
    .split("\n")
    .map((line) => `${by}${line}`)
    .join("\n")

/** A row for a person. */
export const printRow = (row: PromptRow): string => {
  const about = [
    `L${row.level}`,
    row.domain,
    ...(row.source === undefined ? [] : [`from ${row.source}`]),
    ...(row.parent === undefined ? [] : [`level of ${row.parent}`])
  ]
  const constraints = constraintsOf(row).map(({ id, kwargs, text }, i) => {
    const given = Object.keys(kwargs).length === 0 ? "" : ` ${JSON.stringify(kwargs)}`
    return `  ${i + 1}. ${isReasoning(row) ? "answer" : isSoft(id) ? "soft" : "hard"}  ${text || "(no text)"}\n           ${id}${given}`
  })
  return [`${row.id}  ${about.join(", ")}`, indent(row.instruction, "  "), ...constraints].join("\n")
}

const show = Command.make(
  "show",
  {
    dataset,
    cache,
    row: Flag.String("row").pipe(Flag.withDescription("Only the row with this id"), Flag.optional),
    type: Flag.String("type").pipe(Flag.withDescription("Only rows with a constraint of this type"), Flag.optional),
    level: Flag.Int("level").pipe(
      Flag.withDescription("Only rows of this level; otherwise only those that are levels of none"),
      Flag.optional
    ),
    first: Flag.Int("first").pipe(Flag.withDefault(5), Flag.withDescription("Rows that are printed, the first ones")),
    prompt: Flag.Boolean("prompt").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Print the prompt as the model gets it, and nothing else")
    )
  },
  ({ cache, dataset, first, level, prompt, row, type }) =>
    Effect.gen(function*() {
      if (first < 1) {
        return yield* new CommandError({
          operation: "curriculum show",
          subject: `--first ${first}`,
          reason: "leaves no row",
          remedy: "give a number from 1 on"
        })
      }
      const wanted = (found: PromptRow) =>
        Option.match(row, { onNone: () => true, onSome: (id) => found.id === id }) &&
        Option.match(type, { onNone: () => true, onSome: (id) => found.instruction_id_list.includes(id) }) &&
        (Option.isSome(row) ||
          Option.match(level, { onNone: () => originals([found]).length > 0, onSome: (l) => found.level === l }))
      const rows = yield* datasetRecords(dataset, cache).pipe(
        Stream.map(({ value }) => decodeRow(importRecord(value))),
        Stream.filter(Result.isSuccess),
        Stream.map(({ success }) => success),
        Stream.filter(wanted),
        Stream.take(first),
        Stream.runCollect
      )
      if (rows.length === 0) {
        return yield* new CommandError({
          operation: "curriculum show",
          subject: dataset,
          reason: "has no such row",
          remedy: "see its types and levels with ifrl curriculum stats"
        })
      }
      yield* printResult({ rows }, rows.map((found) => (prompt ? found.prompt : printRow(found))).join("\n\n"))
    }).pipe(Effect.provide(FetchHttpClient.layer))
).pipe(Command.withDescription("Print rows for a person to read"))

export const curriculum = Command.make("curriculum").pipe(
  Command.withDescription("Build, import, check and look at datasets of instructions with constraints"),
  Command.withSubcommands([build, importCommand, stats, validate, show])
)
