/**
 * Weights that multiply the same activations, those of queries, keys and values, lie one behind the other in memory: a
 * decode step takes them as one weight [(H + 2K) E, D] and one product, which is faster than three when rows are few.
 */
import { Tensor } from "@ifrl/runtime"
import type { DecoderConfig } from "./Config.ts"
import { decoderParameters, type ParameterSpec } from "./Parameters.ts"

/** What a parameter is a part of: `q_proj.weight` of a layer of its `qkv_proj.weight`, most of nothing but themselves. */
const jointName = (name: string): string =>
  name.replace(/\.self_attn\.[qkv]_proj\.(weight|bias)$/, ".self_attn.qkv_proj.$1")

/** Parameters by what they are parts of, parts in their order. */
const partsOf = (parameters: ReadonlyArray<ParameterSpec>): Map<string, Array<ParameterSpec>> => {
  const parts = new Map<string, Array<ParameterSpec>>()
  for (const spec of parameters) {
    const name = jointName(spec.name)
    const known = parts.get(name)
    if (known === undefined) parts.set(name, [spec])
    else known.push(spec)
  }
  return parts
}

/** The shape of parts one behind the other. */
const jointShape = (parts: ReadonlyArray<ParameterSpec>): ReadonlyArray<number> => [
  parts.reduce((rows, { shape }) => rows + shape[0]!, 0),
  ...parts[0]!.shape.slice(1)
]

/** The parameters of a decoder with the projections of queries, keys and values as one, `qkv_proj`. */
export const jointParameters = (config: DecoderConfig): ReadonlyArray<ParameterSpec> =>
  Array.from(partsOf(decoderParameters(config)), ([name, parts]) => ({ ...parts[0]!, name, shape: jointShape(parts) }))

/** Zeros for parameters in float32, those that belong together side by side. */
export const allocateParameters = (parameters: ReadonlyArray<ParameterSpec>): Map<string, Tensor<"float32">> => {
  const tensors = new Map<string, Tensor<"float32">>()
  for (const parts of partsOf(parameters).values()) {
    const block = Tensor.zeros("float32", jointShape(parts))
    let at = 0
    for (const { name, shape } of parts) {
      const tensor = block.view(shape, at)
      tensors.set(name, tensor)
      at += tensor.size
    }
  }
  return tensors
}

/** Weights by the names of `jointParameters`, in the same memory; undefined unless what belongs together lies side by side. */
export const joinParameters = (
  config: DecoderConfig,
  parameters: ReadonlyMap<string, Tensor>
): ReadonlyMap<string, Tensor> | undefined => {
  const joint = new Map(parameters)
  for (const [name, parts] of partsOf(decoderParameters(config))) {
    if (parts.length === 1) continue
    const tensors = parts.flatMap((part) => parameters.get(part.name) ?? [])
    const whole = tensors.length === parts.length ? Tensor.span(tensors) : undefined
    if (whole === undefined) return undefined
    for (const part of parts) joint.delete(part.name)
    joint.set(name, whole)
  }
  return joint
}
