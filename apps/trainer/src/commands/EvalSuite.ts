// `ifrl eval --suite`: a benchmark on a file of responses (--responses) or on a model, which then responds first.
// The run folder gets summary.json (all figures), report.html, verdicts.jsonl and, of a model, responses.jsonl.
import {
  type DataFile, htmlReport, judge, loadSuite, matchResponses, type MatchedResponses, printSuiteResult, readResponses, type Suite, type SuiteName,
  type SuiteRecord, suites, summarise
} from "@ifrl/bench"
import { Effect, FileSystem, Option, Path } from "effect"
import { Flag } from "effect/cli"
import { CommandError } from "../CommandError.ts"
import { Display } from "../Display.ts"
import { RunFolder } from "../RunFolder.ts"
import { evalUnits } from "../Units.ts"
import { respond } from "./EvalSuiteResponses.ts"
import { type RunCommandOptions, runHandler, runtimeLayer } from "./RunCommand.ts"

const names = Object.keys(suites) as Array<SuiteName>

export const suiteFlags = {
  suite: Flag.Literals("suite", names).pipe(
    Flag.withDescription(`Benchmark to score instead of held-out prompts: ${names.join(", ")}`),
    Flag.optional
  ),
  responses: Flag.String("responses").pipe(
    Flag.withMetavar("file"),
    Flag.withDescription("Responses to the suite's prompts, JSONL of { prompt, response } or { key, response }; without it the model responds"),
    Flag.optional
  ),
  data: Flag.String("data").pipe(
    Flag.withMetavar("folder"),
    Flag.withDescription("Folder of benchmark data; IFRL_DATA_DIR otherwise"),
    Flag.optional
  ),
  first: Flag.Int("first").pipe(
    Flag.withMetavar("prompts"),
    Flag.withDescription("Only the first prompts of the suite, to try something out"),
    Flag.optional
  )
}

type SuiteInput = Parameters<ReturnType<typeof runHandler>>[0] & {
  readonly suite: Option.Option<SuiteName>
  readonly responses: Option.Option<string>
  readonly data: Option.Option<string>
  readonly first: Option.Option<number>
}

const refuse = (subject: string, reason: string, remedy: string) => new CommandError({ operation: "eval", subject, reason, remedy })

/** Flags of a suite say nothing without one. */
export const refuseSuiteFlags = (input: SuiteInput): Effect.Effect<void, CommandError> => {
  const { data, first, responses } = input
  const given = Object.entries({ responses, data, first }).find(([, value]: [string, Option.Option<unknown>]) => Option.isSome(value))?.[0]
  return given === undefined
    ? Effect.void
    : Effect.fail(refuse(`--${given}`, "is about a benchmark, and none is named", `add --suite ${names.join("|")}`))
}

/** What names the same benchmark again: the flags of a suite are in no config. */
const suiteArguments = (name: SuiteName, { data, first }: SuiteInput): string =>
  ` --suite ${name}${Option.match(data, { onNone: () => "", onSome: (folder) => ` --data ${folder}` })}` +
  Option.match(first, { onNone: () => "", onSome: (prompts) => ` --first ${prompts}` })

/** Flags that ask for two things at once. */
const contradiction = (input: SuiteInput): CommandError | undefined => {
  if (Option.isNone(input.responses)) return undefined
  const flag = Option.isSome(input.model) ? "model" : Option.isSome(input.resume) ? "resume" : input["dry-run"] ? "dry-run" : undefined
  return flag === undefined
    ? undefined
    : refuse(`--${flag}`, "is about a model that responds, and --responses gives the responses", "leave out one of the two")
}

const dataFolder = (suite: Suite, data: Option.Option<string>): Effect.Effect<string, CommandError> => {
  const folder = Option.getOrElse(data, () => process.env["IFRL_DATA_DIR"] ?? "")
  return folder !== "" ? Effect.succeed(folder) : Effect.fail(refuse(
    `--suite ${suite.name}`,
    "no folder of benchmark data is named",
    `set IFRL_DATA_DIR or give --data, the folder that holds ${suite.files[0]} (${suite.source})`
  ))
}

/** A benchmark that is ready to be scored. */
interface Task {
  readonly suite: Suite
  readonly records: ReadonlyArray<SuiteRecord>
  readonly files: ReadonlyArray<DataFile>
}

interface Responses {
  readonly matched: MatchedResponses
  readonly source: string
  readonly sha256: string
  readonly settings: Readonly<Record<string, unknown>>
}

/** Read a responses file and give each record its own. */
const readMatched = Effect.fnUntraced(function*({ records, suite }: Task, file: string) {
  const { rows, sha256 } = yield* readResponses(file)
  return { matched: yield* matchResponses(suite, records, rows, file), sha256 }
})

/** Judge, write the files, and say what came out. */
const report = Effect.fnUntraced(function*({ files, records, suite }: Task, responses: Responses) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* RunFolder
  const display = yield* Display
  const verdicts = yield* Effect.forEach(records, (record, i) =>
    judge(suite, record, responses.matched.byKey.get(record.key)?.response).pipe(
      Effect.tap(() => i % 50 === 49 ? Effect.andThen(display.activity("verdicts", i + 1, records.length), Effect.yieldNow) : Effect.void)
    ))
  const result = yield* summarise({ suite, verdicts, files, ...responses })
  const write = (name: string, text: string) => {
    const file = path.join(folder.directory, name)
    return fs.writeFileString(file, text).pipe(
      Effect.mapError((cause) =>
        new CommandError({ operation: "run folder", subject: file, reason: cause.message, remedy: "make the folder writable and free disk space", cause })
      ),
      Effect.as(file)
    )
  }
  yield* write(
    "verdicts.jsonl",
    verdicts.map(({ instructions, record, response }) =>
      `${JSON.stringify({ key: record.key, answered: response !== undefined, instructions })}\n`
    ).join("")
  )
  const page = yield* write("report.html", htmlReport(result, verdicts))
  return { summary: result, text: `${printSuiteResult(result)}\n\nreport ${page}` }
})

export const evalSuite = Effect.fnUntraced(function*(name: SuiteName, input: SuiteInput) {
  const suite = suites[name]
  const fault = contradiction(input)
  if (fault !== undefined) return yield* fault
  const loaded = yield* loadSuite(suite, yield* dataFolder(suite, input.data))
  const first = Option.getOrElse(input.first, () => loaded.records.length)
  const records = loaded.records.slice(0, Math.max(0, first))
  if (records.length === 0) return yield* refuse(`--first ${first}`, "leaves no prompt", "give a number from 1 on")
  const task: Task = { suite, records, files: loaded.files }
  const part = records.length < loaded.records.length ? { part: `the first ${records.length} of ${loaded.records.length} prompts` } : {}
  const units: RunCommandOptions<never, never, undefined>["units"] = (config, model, assumed) => evalUnits(config, model, assumed, records.length)
  if (Option.isSome(input.responses)) {
    const source = input.responses.value
    // Before there is a run folder, so that a file that is refused leaves none.
    const read = yield* readMatched(task, source)
    return yield* runHandler("eval", { units, program: () => report(task, { ...read, source, settings: part }) })(input)
  }
  return yield* runHandler("eval", {
    units,
    embedded: true,
    resumeWith: suiteArguments(name, input),
    program: (config, { resumed }) =>
      Effect.scoped(Effect.gen(function*() {
        const { file, settings } = yield* respond(config, records, resumed)
        const read = yield* readMatched(task, file)
        return yield* report(task, { ...read, source: config.model.path, settings: { ...settings, ...part } })
      })).pipe(Effect.provide(runtimeLayer(config)))
  })(input)
})
