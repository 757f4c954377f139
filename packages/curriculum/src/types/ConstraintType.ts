// A kind of constraint: what its parameters may be, how people ask for it, and what it does not go with. The taxonomy
// is a table of them by id; a user's own type is one more entry.
import type { Kwargs } from "../PromptRow.ts"
import type { Random } from "../Random.ts"
import type { Seed } from "../Seed.ts"

export interface ConstraintType {
  /** What it asks for, in one sentence: for people, and for a model that is to write such a constraint. */
  readonly description: string
  /** Parameters for a seed; undefined where the type does not suit it. */
  readonly sample: (random: Random, seed: Seed) => Kwargs | undefined
  /** At least six ways to say it, each a sentence without its final stop that states every parameter. */
  readonly phrasings: (kwargs: Kwargs) => ReadonlyArray<string>
  /**
   * Ids of types that it must not stand beside, in either order; an id that ends with ":" is every type whose id begins
   * with it. What verifiers know of conflicts is theirs and is not repeated here.
   */
  readonly conflicts?: ReadonlyArray<string>
}

/** Constraint types by id; those of soft constraints begin with `soft:`. */
export type Taxonomy = Readonly<Record<string, ConstraintType>>

const covers = (conflicts: ReadonlyArray<string>, id: string): boolean =>
  conflicts.some((other) => other === id || (other.endsWith(":") && id.startsWith(other)))

/** Whether the taxonomy keeps two types apart; a type does not stand beside itself either. */
export const keepsApart = (taxonomy: Taxonomy, a: string, b: string): boolean =>
  a === b || covers(taxonomy[a]?.conflicts ?? [], b) || covers(taxonomy[b]?.conflicts ?? [], a)

/** A soft type whose one parameter is a value: each template has it in place of `{}`. */
export const softType = (definition: {
  readonly description: string
  readonly values: ReadonlyArray<string>
  readonly templates: ReadonlyArray<string>
  readonly conflicts?: ReadonlyArray<string>
}): ConstraintType => ({
  description: definition.description,
  sample: (random) => ({ value: random.pick(definition.values) }),
  phrasings: ({ value }) => definition.templates.map((template) => template.replace("{}", () => String(value))),
  ...(definition.conflicts !== undefined && { conflicts: definition.conflicts })
})
