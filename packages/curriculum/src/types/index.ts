import type { Taxonomy } from "./ConstraintType.ts"
import { hardTypes } from "./Hard.ts"
import { softTypes } from "./Soft.ts"

export { type ConstraintType, keepsApart, softType, type Taxonomy } from "./ConstraintType.ts"
export { hardTypes } from "./Hard.ts"
export { softTypes } from "./Soft.ts"
export { languages } from "./Vocabulary.ts"

/** The 25 hard and the 25 soft types. `{ ...taxonomy, "soft:mine": softType({ ... }) }` has one more. */
export const taxonomy: Taxonomy = { ...hardTypes, ...softTypes }
