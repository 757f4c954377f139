// The embedded world's prompts: deterministic by seed, in three splits that share nothing. A writing prompt belongs to a
// split when each of its (topic, constraint) pairs hashes into that split's part of the hash range, a prompt with a
// problem (arithmetic, sorting) when its problem does. So no split meets a topic with a constraint, or a problem, of
// another one: not under another phrasing or order, not in any level of a decomposed prompt, not under another seed.
import { createHash } from "node:crypto"
import { type Constraint, constraintsOf, isSoft, type PromptRow, promptRow, type Random, random } from "@ifrl/curriculum"
import { conflict, constraintTypes, type Demand } from "./ConstraintTypes.ts"
import { type Domain, domains, isDomain, tasks } from "./Tasks.ts"

/** Upper ends of the splits' parts of the hash range [0, 1). */
const parts = { train: 0.6, validation: 0.75, heldOut: 1 } as const

export type Split = keyof typeof parts

export const splits = Object.keys(parts) as ReadonlyArray<Split>

/** The split that a key belongs to. */
const splitOf = (key: string): Split => {
  const point = createHash("sha256").update(key).digest().readUInt32BE(0) / 2 ** 32
  return splits.find((split) => point < parts[split])!
}

/** What places a constraint of a row in a split. */
const placeOf = (domain: Domain, subject: string, demand: Demand): string =>
  domain === "writing" ? JSON.stringify([subject, demand.id, demand.kwargs]) : JSON.stringify([domain, subject])

/** The constraints of a row with the parameters that the world knows, those of soft constraints included. */
export const demandsOf = (row: PromptRow): ReadonlyArray<Demand> =>
  constraintsOf(row).map(({ id, kwargs, truth }) => ({ id, kwargs: truth === undefined ? kwargs : { value: truth.value } }))

/** A row's kind of work and subject; throws a RangeError for a row that is not of this world. */
export const problemOf = (row: PromptRow): { readonly domain: Domain; readonly subject: string } => {
  if (!isDomain(row.domain) || row.subject === undefined) {
    throw new RangeError(`row "${row.id}" (domain "${row.domain}") is not of the embedded world; make rows with buildWorld`)
  }
  return { domain: row.domain, subject: row.subject }
}

/** The one split that holds all constraints of a row; undefined when they stand in different ones or there are none. */
export const splitOfRow = (row: PromptRow): Split | undefined => {
  const { domain, subject } = problemOf(row)
  const places = domain === "writing" ? demandsOf(row).map((demand) => placeOf(domain, subject, demand)) : [
    placeOf(domain, subject, { id: "", kwargs: {} })
  ]
  const found = new Set(places.map(splitOf))
  return found.size === 1 ? [...found][0] : undefined
}

const weighted = <A>(draw: Random, items: ReadonlyArray<A>, weight: (item: A) => number): A => {
  let left = draw.uniform() * items.reduce((sum, item) => sum + weight(item), 0)
  return items.find((item) => (left -= weight(item)) < 0) ?? items.at(-1)!
}

const idsOf = (domain: Domain, soft: boolean): ReadonlyArray<string> =>
  Object.keys(constraintTypes).filter((id) => constraintTypes[id]!.domains.includes(domain) && isSoft(id) === soft)

const hardIds = Object.fromEntries(domains.map((domain) => [domain, idsOf(domain, false)])) as Record<Domain, Array<string>>
const softIds = Object.fromEntries(domains.map((domain) => [domain, idsOf(domain, true)])) as Record<Domain, Array<string>>

const worded = (draw: Random, { id, kwargs }: Demand): Constraint => {
  const text = draw.pick(constraintTypes[id]!.phrasings(kwargs))
  if (!isSoft(id)) return { id, kwargs, text }
  const type = id.slice("soft:".length)
  return { id, kwargs: {}, text, truth: { type, value: String(kwargs["value"]) } }
}

export interface WorldOptions {
  readonly seed: number
  /** Rows of each split. */
  readonly train: number
  readonly validation: number
  readonly heldOut: number
  /** Share of the prompts with several constraints of which one is soft. */
  readonly soft?: number
}

export type World = Readonly<Record<Split, ReadonlyArray<PromptRow>>>

const counts = [{ n: 1, weight: 0.15 }, { n: 2, weight: 0.6 }, { n: 3, weight: 0.25 }]

/** A row of a split, or undefined when what was drawn conflicts or lies in another split. */
const attempt = (draw: Random, split: Split, domain: Domain, n: number, soft: boolean): PromptRow | undefined => {
  const task = tasks[domain]
  const subject = task.subject(draw)
  const demands: Array<Demand> = []
  for (let i = 0; i < n; i++) {
    const id = draw.pick((soft && i === 0 ? softIds : hardIds)[domain])
    const demand = { id, kwargs: constraintTypes[id]!.kwargs(draw, domain, subject) }
    if (demands.some((other) => conflict(demand, other)) || splitOf(placeOf(domain, subject, demand)) !== split) return undefined
    demands.push(demand)
  }
  const constraints = draw.shuffle(demands).map((demand) => worded(draw, demand))
  return promptRow({
    instruction: draw.pick(task.phrasings(subject)),
    constraints,
    domain,
    subject,
    answer: task.answer(subject)
  })
}

/**
 * Prompts of one to three constraints that can be followed together, at least one of each prompt hard, all distinct.
 * The same seed gives the same rows; a longer split begins with the rows of a shorter one.
 */
export const buildWorld = (options: WorldOptions): World => {
  const build = (split: Split): ReadonlyArray<PromptRow> => {
    const rows = new Map<string, PromptRow>()
    for (let i = 0; rows.size < options[split]; i++) {
      const draw = random(options.seed, split, i)
      const { n } = weighted(draw, counts, (count) => count.weight)
      const domain = weighted(draw, domains, (name) => tasks[name].share)
      const soft = n > 1 && draw.chance(options.soft ?? 0.4)
      let row: PromptRow | undefined
      while (row === undefined) row = attempt(draw, split, domain, n, soft)
      rows.set(row.id, row)
    }
    return [...rows.values()]
  }
  return { train: build("train"), validation: build("validation"), heldOut: build("heldOut") }
}

/**
 * Bare arithmetic and sorting problems of a split, in equal shares: a probe of reasoning apart from constraints.
 */
export const reasoningProbe = (options: { readonly seed: number; readonly count: number; readonly split: Split }) => {
  const rows = new Map<string, PromptRow>()
  for (let i = 0; rows.size < options.count; i++) {
    const draw = random(options.seed, "probe", i)
    const domain = rows.size % 2 === 0 ? "arithmetic" : "sorting"
    const subject = tasks[domain].subject(draw)
    if (splitOf(placeOf(domain, subject, { id: "", kwargs: {} })) !== options.split) continue
    const row = promptRow({
      instruction: draw.pick(tasks[domain].phrasings(subject)),
      constraints: [],
      domain,
      subject,
      answer: tasks[domain].answer(subject)
    })
    rows.set(row.id, row)
  }
  return [...rows.values()]
}
