import type { Rules } from "../Rule.ts"
import { activations } from "./activations.ts"
import { elementwise } from "./elementwise.ts"
import { indexing } from "./indexing.ts"
import { linear } from "./linear.ts"
import { lossOperators } from "./losses.ts"
import { normalisation } from "./normalisation.ts"
import { reductions } from "./reductions.ts"
import { shapes } from "./shapes.ts"

/** Every gradient rule, by operator. */
export const rules: Rules = {
  ...elementwise,
  ...activations,
  ...reductions,
  ...linear,
  ...shapes,
  ...indexing,
  ...normalisation,
  ...lossOperators
}

/**
 * Operators through which no gradient flows: their outputs are counts, comparisons, positions or noise, or they are flat
 * almost everywhere. Operators with integer outputs need no entry, but are named so that the list can be read.
 */
export const nonDifferentiable: ReadonlySet<string> = new Set([
  "And", "ArgMax", "ArgMin", "Bernoulli", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Ceil",
  "Constant", "ConstantOfShape", "Equal", "EyeLike", "Floor", "Greater", "GreaterOrEqual", "Hardmax", "IsInf", "IsNaN",
  "Less", "LessOrEqual", "Multinomial", "NonZero", "Not", "Or", "QuantizeLinear", "RandomNormal", "RandomNormalLike",
  "RandomUniform", "RandomUniformLike", "Round", "Shape", "Sign", "Size", "Xor"
])
