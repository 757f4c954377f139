// A seed and sampled constraints make an instruction that can be followed. Everything drawn comes from a stream keyed
// by seed of the build, seed instruction and variant, so a row depends on nothing that was made before it.
import { conflict, isImpossible } from "@ifrl/verifiers"
import { Effect, Schema } from "effect"
import { type Constraint, isSoft, type PromptRow, promptRow } from "./PromptRow.ts"
import { type Random, random } from "./Random.ts"
import type { Seed } from "./Seed.ts"
import { keepsApart, type Taxonomy } from "./types/index.ts"

const field = <S extends Schema.Top>(schema: S, value: S["Encoded"], description: string) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value))).annotate({ description })
const share = Schema.Finite.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 1 })))
const positiveCount = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(1)))

export const SynthesisConfig = Schema.Struct({
  seed: field(Schema.Int, 0, "Seed of everything that is drawn."),
  constraints: field(positiveCount, 5, "Constraints of an instruction, in constraints."),
  hardShare: field(share, 0.38, "Share of hard constraints; the paper's data has 0.38."),
  perSeed: field(positiveCount, 1, "Instructions made of one seed, each with constraints of its own, in rows."),
  without: field(Schema.Array(Schema.String), [], "Ids of constraint types that are not used.")
})
export type SynthesisConfig = typeof SynthesisConfig.Type

/** Draws of parameters for one type before another type is tried. */
const draws = 4

type Bare = Omit<Constraint, "text">

/** Whether a constraint can stand beside those chosen. */
const fits = (taxonomy: Taxonomy, chosen: ReadonlyArray<Bare>, candidate: Bare): boolean => {
  const hard = chosen.filter(({ id }) => !isSoft(id))
  return (
    !chosen.some(({ id }) => keepsApart(taxonomy, id, candidate.id)) &&
    (isSoft(candidate.id) || !(hard.some(({ id }) => conflict(id, candidate.id)) || isImpossible([...hard, candidate])))
  )
}

/**
 * Whether these constraints may be asked for together: no two are kept apart, and nothing proves the hard ones
 * impossible.
 */
export const isSatisfiable = (taxonomy: Taxonomy, constraints: ReadonlyArray<Bare>): boolean =>
  constraints.every((constraint, i) => fits(taxonomy, constraints.slice(0, i), constraint))

interface Draw {
  readonly taxonomy: Taxonomy
  readonly seed: Seed
  readonly random: Random
  readonly chosen: ReadonlyArray<Bare>
}

/** A constraint of one of the types, in the order drawn, that fits; undefined when none does. */
const next = (ids: ReadonlyArray<string>, { chosen, random, seed, taxonomy }: Draw): Bare | undefined => {
  for (const id of random.shuffle(ids)) {
    if (chosen.some((other) => keepsApart(taxonomy, other.id, id) || (!isSoft(id) && conflict(other.id, id)))) continue
    for (let i = 0; i < draws; i++) {
      const kwargs = taxonomy[id]!.sample(random, seed)
      if (kwargs === undefined) break
      if (fits(taxonomy, chosen, { id, kwargs })) return { id, kwargs }
    }
  }
  return undefined
}

/** Constraints of one attempt; undefined when it has come to a set that nothing more goes with. */
const attempt = (
  config: SynthesisConfig,
  taxonomy: Taxonomy,
  seed: Seed,
  stream: Random
): ReadonlyArray<Constraint> | undefined => {
  const ids = Object.keys(taxonomy).filter((id) => !config.without.includes(id))
  const hard = ids.filter((id) => !isSoft(id))
  const soft = ids.filter(isSoft)
  const chosen: Array<Constraint> = []
  while (chosen.length < config.constraints) {
    const order = stream.chance(config.hardShare) ? [hard, soft] : [soft, hard]
    const draw = { taxonomy, seed, random: stream, chosen }
    const found = next(order[0]!, draw) ?? next(order[1]!, draw)
    if (found === undefined) return undefined
    chosen.push({ ...found, text: stream.pick(taxonomy[found.id]!.phrasings(found.kwargs)) })
  }
  return chosen
}

/** Attempts at a set of constraints before a seed is given up. */
const attempts = 16

/**
 * The constraints of a variant of a seed, with the texts of their templates; undefined when so many do not go together.
 */
export const sampleConstraints = (
  config: SynthesisConfig,
  taxonomy: Taxonomy,
  seed: Seed,
  variant: number
): ReadonlyArray<Constraint> | undefined => {
  for (let i = 0; i < attempts; i++) {
    const found = attempt(
      config,
      taxonomy,
      seed,
      random(config.seed, "synthesis", seed.id, seed.instruction, variant, i)
    )
    if (found !== undefined) return found
  }
  return undefined
}

/** The row of a seed under constraints. */
export const rowOfSeed = ({ domain, id, instruction }: Seed, constraints: ReadonlyArray<Constraint>): PromptRow =>
  promptRow({ instruction, constraints, domain, source: id })
