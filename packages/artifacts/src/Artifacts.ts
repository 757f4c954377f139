/** From a model, a loss and an optimizer to the graphs that train it. */
import { encodeModel, fromModel, type Graph, toModel, type Value } from "@ifrl/onnx"
import { checkAliases } from "./Aliases.ts"
import { artifactError } from "./ArtifactError.ts"
import { differentiate } from "./Differentiate.ts"
import { wideType } from "./Emit.ts"
import { type LossName, losses, type LossResult, type LossSpec } from "./Losses.ts"
import type { Manifest, ManifestTensor } from "./Manifest.ts"
import { adamW, adamWDefaults, type AdamWOptions, gradientNorm } from "./Optimizers.ts"
import { findValues, type TrainableGraph, valuesByName } from "./TrainableGraph.ts"

export interface GenerateOptions {
  /** Its graph becomes the training graph: nodes are added to it. */
  readonly model: TrainableGraph
  /** A name of `losses`, or a loss of your own. */
  readonly loss: LossName | LossSpec
  readonly optimizer?: "adamw" | Omit<AdamWOptions, "elementType" | "shadow">
  /** Names of the parameters to train; the others stay inputs, read only. Default: all. */
  readonly requiresGrad?: ReadonlyArray<string>
  /** Must be the model's own; default: whatever that is. Gradients and moments of half-precision models are float32. */
  readonly elementType?: Manifest["elementType"]
  readonly device?: Manifest["device"]
  /** Default 21, or what the model's operators need. */
  readonly opset?: number
  /** Whether weight decay applies to a parameter; default: to those of rank 2 and more, so not to norms and biases. */
  readonly decay?: (name: string, shape: ReadonlyArray<number>) => boolean
}

/** Encoded models, ready for a session, and their description. */
export interface Artifacts {
  readonly manifest: Manifest
  /** (batch, parameters, gradient buffers) -> loss, per-token outputs, metrics, accumulated gradients. */
  readonly training: Uint8Array
  /** (batch, parameters) -> loss, per-token outputs. */
  readonly evaluation: Uint8Array
  /** `adamW` */
  readonly optimizer: Uint8Array
  /** `gradientNorm` */
  readonly gradientNorm: Uint8Array
  /** The decode step, from @ifrl/rollout. */
  readonly generate?: Uint8Array
}

const bufferOf = (name: string) => ({ input: `${name}_grad.accumulation.buffer`, output: `${name}_grad.accumulation.out` })

/**
 * Builds the artifacts of a model. The training model adds the gradient of its loss to `<p>_grad.accumulation.buffer` and gives the sum
 * as `<p>_grad.accumulation.out`, to be bound to the same memory; that this is safe is checked here. Throws ArtifactError.
 */
export const generateArtifacts = (options: GenerateOptions): Artifacts => {
  const { device = "cpu", model } = options
  const { graph } = model
  const loss: LossSpec = typeof options.loss === "string" ? namedLoss(options.loss) : options.loss
  const elementType = elementTypeOf(model, options.elementType)
  const requiresGrad = options.requiresGrad ?? model.parameters.map(({ name }) => name)
  const trained = findValues(graph, requiresGrad, model.parameters, "parameter")
  const message = (g: Graph) => toModel(g, options.opset === undefined ? {} : { opset: options.opset })
  const encode = (g: Graph) => encodeModel(message(g))

  const evaluation = evaluationGraph(model, loss)
  const gradientType = wideType(elementType)
  const pairs = new Map(trained.map((value) => [value, bufferOf(value.name)] as const))
  const buffers = new Map(trained.map((value) => [value, graph.input(pairs.get(value)!.input, gradientType, value.shape)]))
  const result = addLoss(graph, model, loss, buffers)
  const gradients = differentiate(graph, { loss: result.loss, wrt: trained, accumulators: buffers })
  for (const value of trained) {
    const gradient = gradients.get(value)
    if (gradient === undefined) {
      throw artifactError(
        "NotDifferentiable",
        `Loss "${loss.name}" doesn't depend on parameter "${value.name}"`,
        "Take it out of requiresGrad",
        { tensor: value.name }
      )
    }
    graph.output(gradient, pairs.get(value)!.output)
  }
  checkAliases(graph, [...pairs.values()])

  const settings = typeof options.optimizer === "object" ? options.optimizer : {}
  const optimizer = adamW({
    ...settings,
    elementType: gradientType as "float32" | "float64",
    ...(elementType === "float16" || elementType === "bfloat16" ? { shadow: elementType } : {})
  })
  checkAliases(optimizer.graph, optimizer.aliases)

  const parameterNames = new Set([...model.parameters.map(({ name }) => name), ...[...pairs.values()].flatMap(({ input, output }) => [input, output])])
  const decay = options.decay ?? ((_: string, shape: ReadonlyArray<number>) => shape.length >= 2)
  const training = message(graph)
  const manifest: Manifest = {
    format: "ifrl-artifacts",
    version: 1,
    loss: loss.name,
    elementType,
    device,
    opset: Number(training.opsetImport.find(({ domain }) => domain === "")!.version),
    recompute: model.graph.inputs.some(({ name, type }) => name === "recompute" && type === "bool"),
    optimizer: { name: "adamw", ...adamWDefaults, ...settings },
    parameters: model.parameters.map((value) => {
      const shape = staticShape(value)
      const pair = pairs.get(value)
      return {
        name: value.name,
        shape,
        trained: pair !== undefined,
        decay: decay(value.name, shape),
        ...(pair === undefined ? {} : { gradient: { ...pair, type: gradientType } })
      }
    }),
    training: describe(graph, parameterNames, result),
    evaluation: describe(evaluation.graph, parameterNames, evaluation.result),
    aliases: { training: [...pairs.values()], optimizer: optimizer.aliases }
  }
  return {
    manifest,
    training: encodeModel(training),
    evaluation: encode(evaluation.graph),
    optimizer: encode(optimizer.graph),
    gradientNorm: encode(gradientNorm(gradientType))
  }
}

const namedLoss = (name: LossName): LossSpec => {
  if (Object.hasOwn(losses, name)) return losses[name]
  throw artifactError("BadOption", `There is no loss "${name}"`, `It is one of ${Object.keys(losses).join(", ")}, or a LossSpec`)
}

const elementTypeOf = (model: TrainableGraph, wanted: Manifest["elementType"] | undefined): Manifest["elementType"] => {
  const first = model.parameters[0]
  if (first === undefined) throw artifactError("BadOption", "The model names no parameters", "Give TrainableGraph.parameters")
  const odd = model.parameters.find(({ type }) => type !== (wanted ?? first.type))
  if (odd !== undefined) {
    throw artifactError(
      "BadOption",
      `Parameter "${odd.name}" is ${odd.type}, not ${wanted ?? first.type}`,
      "Emit the model's graph with that element type",
      { tensor: odd.name }
    )
  }
  return first.type as Manifest["elementType"]
}

const staticShape = (value: Value): Array<number> =>
  (value.shape ?? [""]).map((dim) => {
    if (typeof dim === "number") return dim
    throw artifactError("BadOption", `Parameter "${value.name}" has a size that isn't known`, "Declare its full shape", {
      tensor: value.name
    })
  })

/** Declares the loss's inputs, builds it, and makes its results graph outputs. */
const addLoss = (
  graph: Graph,
  model: TrainableGraph,
  loss: Omit<LossSpec, "name" | "evaluation">,
  buffers?: ReadonlyMap<Value, Value>
): LossResult => {
  const first = model.parameters[0]!
  const inputs = Object.fromEntries(loss.inputs.map(({ name, shape, type }) =>
    [name, graph.input(name, type === "int64" ? "int64" : wideType(first.type), shape)] as const
  ))
  const result = loss.build({ graph, model, inputs, buffers })
  const named = { loss: result.loss, ...result.outputs, ...result.metrics }
  const declared = Object.entries(named).map(([name, value]) => [name, graph.output(value, name)] as const)
  const renamed = new Map(declared)
  const pick = (of: Readonly<Record<string, Value>>) => Object.fromEntries(Object.keys(of).map((name) => [name, renamed.get(name)!]))
  return { loss: renamed.get("loss")!, outputs: pick(result.outputs), metrics: pick(result.metrics) }
}

/** A forward-only copy of the model's graph, without the inputs that only training needs. */
const evaluationGraph = (model: TrainableGraph, loss: LossSpec) => {
  const graph = fromModel(toModel(model.graph))
  const values = valuesByName(graph)
  const copied = (value: Value) => values.get(value.name)!
  const copy: TrainableGraph = {
    graph,
    parameters: model.parameters.map(copied),
    inputs: Object.fromEntries(Object.entries(model.inputs).map(([name, value]) => [name, copied(value)])),
    ...(model.hidden === undefined ? {} : { hidden: copied(model.hidden) }),
    ...(model.head === undefined ? {} : { head: copied(model.head) })
  }
  const result = addLoss(graph, copy, loss.evaluation ?? loss)
  const parameters = new Set(copy.parameters)
  const used = graph.inputs.filter((value) => parameters.has(value) || graph.consumers(value).length > 0)
  graph.inputs.splice(0, graph.inputs.length, ...used)
  return { graph, result }
}

const describe = (graph: Graph, parameters: ReadonlySet<string>, result: LossResult) => {
  const tensors = (values: ReadonlyArray<Value>): Array<ManifestTensor> =>
    values.filter(({ name }) => !parameters.has(name)).map(({ name, shape, type }) => ({ name, type, shape: [...shape ?? []] }))
  return { inputs: tensors(graph.inputs), outputs: tensors(graph.outputs), metrics: Object.keys(result.metrics) }
}
