// Seeds and questions to a curriculum folder, in chunks. The rows of a chunk are a function of config and seeds alone,
// and what is finished is written down after each, so a build that was killed goes on to the same bytes.
import { createHash } from "node:crypto"
import { Effect, Schema } from "effect"
import { openBuild } from "./Folder.ts"
import { decompose } from "./Levels.ts"
import { PromptError } from "./PromptError.ts"
import { isSoft, type PromptRow } from "./PromptRow.ts"
import { random } from "./Random.ts"
import { reasoningRow } from "./Reasoning.ts"
import { type Question, readQuestions, readSeeds, type Seed } from "./Seed.ts"
import { SoftWriter } from "./SoftWriter.ts"
import { rowOfSeed, sampleConstraints, SynthesisConfig } from "./Synthesis.ts"
import { type Taxonomy, taxonomy as ours } from "./types/index.ts"

const field = <S extends Schema.Top>(schema: S, value: S["Encoded"], description: string) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value))).annotate({ description })
const count = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0)))
const share = Schema.Finite.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 1, exclusiveMaximum: true })))

export const BuildConfig = Schema.Struct({
  seeds: field(
    Schema.Array(Schema.String),
    [],
    "Seed instructions: files (.jsonl, .json, .parquet) or hub:owner/name."
  ),
  questions: field(
    Schema.Array(Schema.String),
    [],
    "Questions with an answer, files or hub:owner/name; those with options are choices."
  ),
  ...SynthesisConfig.fields,
  levels: field(Schema.Boolean, true, "Write every level of an instruction as a row, not only the whole."),
  heldOut: field(share, 0, "Share of the seeds that is held out, and of the questions."),
  maxSeeds: field(count, 0, "Seeds used, the first ones, in seeds; 0 for all."),
  maxQuestions: field(count, 0, "Questions used, the first ones, in questions; 0 for all."),
  maxCharacters: field(
    Schema.Int.pipe(Schema.check(Schema.isGreaterThan(0))),
    2000,
    "Longest instruction or question that is used, in characters."
  )
})
export type BuildConfig = typeof BuildConfig.Type

/** A piece of work: one seed with its variants, or one question. */
type Unit = { readonly id: string; readonly seed: Seed } | { readonly id: string; readonly question: Question }

export interface BuildOptions {
  readonly folder: string
  /** Where datasets of the Hub are kept. */
  readonly cache: string
  readonly taxonomy?: Taxonomy
  /** Replaces what another build has left in the folder. */
  readonly overwrite?: boolean
  /** Seeds and questions whose rows are made and written at once; by default as many as suit the writer. */
  readonly chunk?: number
  readonly onProgress?: (done: number, total: number) => Effect.Effect<void>
}

/** What becomes of the units, for the manifest. */
export const noCounts = { seeds: 0, questions: 0, unsatisfied: 0, repeated: 0, softByTemplate: 0, softByModel: 0 }
export type BuildCounts = typeof noCounts

/** What a taxonomy makes of a probe: types that differ in what they say or allow differ in it. */
const describeTypes = (taxonomy: Taxonomy) => {
  const probe: Seed = {
    id: "probe",
    instruction: "Is the river near the old market wider than the harbor?",
    domain: "probe"
  }
  return Object.entries(taxonomy).map(([id, { conflicts, description, phrasings, sample }]) => {
    const drawn = Array.from({ length: 8 }, (_, i) => sample(random("probe", id, i), probe))
    return [
      id,
      description,
      conflicts ?? [],
      drawn.map((kwargs) => (kwargs === undefined ? null : [kwargs, phrasings(kwargs)]))
    ]
  })
}

/** Of everything that the rows follow from; where the sources lie is no part of it. */
const fingerprintOf = (config: object, sources: ReadonlyArray<object>, writer: string, taxonomy: Taxonomy): string =>
  createHash("sha256")
    .update(JSON.stringify([config, sources, writer, describeTypes(taxonomy)]))
    .digest("hex")
    .slice(0, 16)

/** The whole rows of a chunk, each with its unit, and what could not be made. */
const makeRows = Effect.fnUntraced(function*(config: BuildConfig, taxonomy: Taxonomy, units: ReadonlyArray<Unit>) {
  const writer = yield* SoftWriter
  let unsatisfied = 0
  const drafts = units.flatMap((unit) => {
    if (!("seed" in unit)) return []
    return Array.from({ length: config.perSeed }, (_, variant) =>
      sampleConstraints(config, taxonomy, unit.seed, variant)
    ).flatMap((constraints) => {
      if (constraints === undefined) unsatisfied++
      return constraints === undefined ? [] : [{ seed: unit.seed, constraints }]
    })
  })
  const requests = drafts.flatMap(({ constraints, seed }) =>
    constraints.filter(({ id }) => isSoft(id)).map((constraint) => ({ seed, constraint }))
  )
  const written = yield* writer.write(requests)
  const replaced = new Map(requests.map(({ constraint }, i) => [constraint, written[i] ?? constraint] as const))
  const softByTemplate = requests.filter(({ constraint }, i) => written[i] === constraint).length
  const rows = new Map<string, Array<PromptRow>>()
  for (const { constraints, seed } of drafts) {
    const row = rowOfSeed(
      seed,
      constraints.map((constraint) => replaced.get(constraint) ?? constraint)
    )
    rows.set(seed.id, [...(rows.get(seed.id) ?? []), row])
  }
  const whole = units.flatMap((unit): ReadonlyArray<PromptRow> =>
    "seed" in unit
      ? (rows.get(unit.id) ?? [])
      : [
          reasoningRow({
            id: unit.question.kind,
            question: unit.question.question,
            answer: unit.question.answer,
            source: unit.id
          })
        ]
  )
  return { whole, unsatisfied, softByTemplate, softByModel: requests.length - softByTemplate }
})

/**
 * Builds the curriculum of `config` in a folder. A finished one of the same config and sources is left as it is while
 * its files are whole, an unfinished one goes on; another one is refused unless `overwrite`. Gives the manifest, and
 * how many of the units were there already.
 */
export const buildCurriculum = Effect.fn("buildCurriculum")(function*(config: BuildConfig, options: BuildOptions) {
  const taxonomy = options.taxonomy ?? ours
  const writer = yield* SoftWriter
  const unknown = config.without.find((id) => !Object.hasOwn(taxonomy, id))
  if (unknown !== undefined) {
    return yield* new PromptError({
      problem: `without: there is no constraint type "${unknown}"`,
      remedy: "use an id of the taxonomy"
    })
  }
  const { questions: asked, seeds: names, ...rest } = config
  const read = { cache: options.cache, maxCharacters: config.maxCharacters }
  const seeds = yield* readSeeds(names, read)
  const questions = yield* readQuestions(asked, read)
  const first = <A>(items: ReadonlyArray<A>, most: number) => (most > 0 ? items.slice(0, most) : items)
  const units: ReadonlyArray<Unit> = [
    ...first(seeds.items, config.maxSeeds).map((seed) => ({ id: seed.id, seed })),
    ...first(questions.items, config.maxQuestions).map((question) => ({ id: question.id, question }))
  ]
  if (units.length === 0) {
    return yield* new PromptError({
      problem: "there are no seeds and no questions to build from",
      remedy: "name files in `seeds` (instruction, or prompt, in each record) or in `questions` (question and answer)"
    })
  }
  const sources = [...seeds.reports, ...questions.reports]
  const fingerprint = fingerprintOf(rest, sources, writer.name, taxonomy)
  const isHeldOut = (row: PromptRow) =>
    config.heldOut > 0 && random(config.seed, "held out", row.source ?? row.id).uniform() < config.heldOut

  const build = yield* openBuild(options.folder, {
    fingerprint,
    counts: noCounts,
    heldOut: config.heldOut > 0,
    overwrite: options.overwrite === true
  })
  if (build.finished !== undefined) return { manifest: build.finished, resumed: units.length, units: units.length }
  const resumed = Math.min(build.done, units.length)
  const seen = new Set(build.ids)
  let counts: BuildCounts = build.counts
  const size = options.chunk ?? writer.chunk
  for (let from = resumed; from < units.length; from += size) {
    const chunk = units.slice(from, from + size)
    const { softByModel, softByTemplate, unsatisfied, whole } = yield* makeRows(config, taxonomy, chunk)
    const isNew = ({ id }: PromptRow) => !seen.has(id) && seen.add(id)
    // Variants of a seed can be the same row, also among those that are held out.
    const kept = whole.filter(isNew)
    const heldOut = kept.filter(isHeldOut)
    const rows = kept
      .filter((row) => !isHeldOut(row))
      .flatMap((row) => (config.levels ? decompose(row).filter((level) => level === row || isNew(level)) : [row]))
    counts = {
      seeds: counts.seeds + chunk.filter((unit) => "seed" in unit).length,
      questions: counts.questions + chunk.filter((unit) => "question" in unit).length,
      unsatisfied: counts.unsatisfied + unsatisfied,
      repeated: counts.repeated + whole.length - kept.length,
      softByTemplate: counts.softByTemplate + softByTemplate,
      softByModel: counts.softByModel + softByModel
    }
    yield* build.append({ rows, heldOut, done: from + chunk.length, counts })
    if (options.onProgress !== undefined) yield* options.onProgress(from + chunk.length, units.length)
  }
  const manifest = yield* build.finish({ config: { ...rest, writer: writer.name }, sources })
  return { manifest, resumed, units: units.length }
})
