/**
 * Low-rank adapters (Hu et al. 2021): y = x W^T + scale (x A^T) B^T with W frozen, A [R, in] and B [out, R]. An adapter
 * is a set of tensors beside a model's own, under `<module>.lora_A.weight` and `<module>.lora_B.weight`; B starts at
 * zero. With B replaced by zeros the graph computes the base model bit for bit: that is the reference model, which so
 * needs no weights of its own. Names, targets and scale are PEFT's, so that folders go both ways (LoraFolder.ts).
 */
import { float, type Graph, type Value } from "@ifrl/onnx"
import { philox, Tensor } from "@ifrl/runtime"
import { Result } from "effect"
import type { DecoderConfig } from "./Config.ts"
import { linear } from "./Layers.ts"
import type { Parameters } from "./Model.ts"
import { ModelError } from "./ModelError.ts"
import { decoderParameters, layerPrefix, type ParameterSpec } from "./Parameters.ts"

export interface LoraOptions {
  /** R. */
  readonly rank: number
  /** The update is scaled by alpha / R. */
  readonly alpha: number
  /**
   * Which projections get an adapter: "all-linear" for those of every layer; a list of names, each whole or the end of
   * one behind a dot (`q_proj`, `layers.0.mlp.up_proj`); or a regular expression that matches whole names.
   */
  readonly targets: string | ReadonlyArray<string>
  /** Scales by alpha / sqrt(R) instead (Kalajdzievski 2023). */
  readonly rankStabilised?: boolean
}

/** An adapter as graphs see it. */
export interface LoraShape {
  readonly rank: number
  readonly scale: number
  /** Adapted modules by name, such as `model.layers.0.self_attn.q_proj`, in the order of the checkpoint. */
  readonly modules: ReadonlyArray<string>
}

/** A model's adapter in memory. */
export interface Adapter {
  readonly options: LoraOptions
  readonly shape: LoraShape
  /** A and B of every module, by name, and what is trained whole beside them. All of it is trained, nothing else. */
  readonly parameters: Parameters
}

const factorNames = (module: string) => ({ a: `${module}.lora_A.weight`, b: `${module}.lora_B.weight` })

/** Every linear projection of the layers with its shape [out, in], by module name. */
const projections = (config: DecoderConfig): ReadonlyMap<string, ReadonlyArray<number>> =>
  new Map(
    decoderParameters(config).flatMap(({ name, shape }) =>
      name.startsWith(layerPrefix(0).replace(/\d+\.$/, "")) && shape.length === 2
        ? [[name.replace(/\.weight$/, ""), shape] as const]
        : []
    )
  )

const refuse = (key: string, problem: string, remedy: string) => Result.fail(new ModelError({ key, problem, remedy }))

const matcher = (targets: LoraOptions["targets"]): ((module: string) => boolean) => {
  if (targets === "all-linear") return () => true
  if (typeof targets === "string") {
    const pattern = new RegExp(`^(?:${targets})$`)
    return (module) => pattern.test(module)
  }
  return (module) => targets.some((target) => module === target || module.endsWith(`.${target}`))
}

/** What options mean for a model, or a ModelError that names the option. */
export const loraShape = (config: DecoderConfig, options: LoraOptions): Result.Result<LoraShape, ModelError> => {
  const { alpha, rank, targets } = options
  if (!Number.isSafeInteger(rank) || rank < 1) return refuse("rank", `is ${rank}`, "Give a positive integer, such as 16")
  if (!(Number.isFinite(alpha) && alpha > 0)) return refuse("alpha", `is ${alpha}`, "Give a positive number, such as 32")
  const known = [...projections(config).keys()]
  const names = [...new Set(known.map((module) => module.split(".").at(-1)!))].join(", ")
  const unmatched = typeof targets === "string" ? undefined : targets.find((t) => !known.some(matcher([t])))
  if (unmatched !== undefined) {
    return refuse("targets", `"${unmatched}" names no projection of a layer`, `Choose among ${names}, or "all-linear"`)
  }
  return Result.try({
    try: () => known.filter(matcher(targets)),
    catch: (cause) =>
      new ModelError({
        key: "targets",
        problem: `${JSON.stringify(targets)} is no regular expression`,
        remedy: `Give one that JavaScript reads, or a list of names among ${names}`,
        cause
      })
  }).pipe(
    Result.flatMap((modules) =>
      modules.length === 0
        ? refuse("targets", `${JSON.stringify(targets)} matches no projection of a layer`, `They are called ${names}`)
        : Result.succeed({
          rank,
          scale: alpha / (options.rankStabilised === true ? Math.sqrt(rank) : rank),
          modules
        })
    )
  )
}

/** Names and shapes of an adapter's tensors: A [R, in], then B [out, R] of each module. */
export const loraParameters = (config: DecoderConfig, { modules, rank }: LoraShape): ReadonlyArray<ParameterSpec> => {
  const shapes = projections(config)
  return modules.flatMap((module) => {
    const [out, width] = shapes.get(module) as [number, number]
    const { a, b } = factorNames(module)
    return [{ name: a, shape: [rank, width], decay: true }, { name: b, shape: [out, rank], decay: true }]
  })
}

/**
 * A fresh adapter as PEFT draws it: A uniform within 1 / sqrt(in), B zero, so that nothing changes yet. `whole` are
 * parameters that are trained whole beside the factors and saved with them, such as a classifier's head.
 */
export const initializeAdapter = (
  config: DecoderConfig,
  options: LoraOptions,
  seed: number,
  whole: Parameters = new Map()
): Result.Result<Adapter, ModelError> =>
  Result.map(loraShape(config, options), (shape) => {
    const parameters = loraParameters(config, shape).map(({ name, shape: dims }, row) => {
      const tensor = Tensor.zeros("float32", dims)
      if (name.endsWith("lora_A.weight")) {
        const draws = philox({ seed, step: 0, row }, tensor.size)
        const bound = 1 / Math.sqrt(dims[1]!)
        for (let i = 0; i < draws.length; i++) tensor.data[i] = (2 * draws[i]! - 1) * bound
      }
      return [name, tensor] as const
    })
    return { options, shape, parameters: new Map([...parameters, ...whole]) }
  })

/** The tensors that a graph with an adapter reads. */
export const withAdapter = (base: Parameters, adapter: Adapter): Parameters =>
  new Map([...base, ...adapter.parameters])

/** The same with the adapter off: every B is a view of one block of zeros. What is trained beside A and B stays. */
export const adapterOff = (base: Parameters, adapter: Adapter): Parameters => {
  const factors = [...adapter.parameters].filter(([name]) => name.endsWith(".lora_B.weight"))
  const zeros = Tensor.zeros("float32", [factors.reduce((most, [, { size }]) => Math.max(most, size), 0)])
  return new Map([...withAdapter(base, adapter), ...factors.map(([name, { dims }]) => [name, zeros.view(dims)] as const)])
}

// -------------------- graphs --------------------

/** An adapter's tensors as inputs of a graph. */
export interface LoraInputs {
  /** In the order of `loraParameters`. */
  readonly parameters: ReadonlyArray<Value>
  /** A and B of a module; undefined where it isn't adapted. */
  readonly factors: (module: string) => { readonly a: Value; readonly b: Value } | undefined
  /** projected + scale (x A^T) B^T for rows x [N, in] and projected [N, out]; projected itself without an adapter. */
  readonly add: (g: Graph, module: string, x: Value, projected: Value) => Value
}

/** Declares an adapter's tensors as inputs of a graph. */
export const loraInputs = (
  graph: Graph,
  config: DecoderConfig,
  shape: LoraShape,
  type: "float32" | "float64" | "float16" | "bfloat16"
): LoraInputs => {
  const parameters = loraParameters(config, shape).map((spec) => graph.input(spec.name, type, spec.shape))
  const byName = new Map(parameters.map((value) => [value.name, value]))
  const factors: LoraInputs["factors"] = (module) => {
    const { a, b } = factorNames(module)
    return byName.has(a) ? { a: byName.get(a)!, b: byName.get(b)! } : undefined
  }
  return {
    parameters,
    factors,
    add: (g, module, x, projected) => {
      const found = factors(module)
      if (found === undefined) return projected
      return g.op("Gemm", [linear(g, x, found.a), found.b, projected], { transB: 1, alpha: float(shape.scale) })
    }
  }
}
