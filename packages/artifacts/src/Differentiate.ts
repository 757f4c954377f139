/**
 * Reverse-mode differentiation of an ONNX graph by emitting nodes into it. Rules (rules/*) say what a node's inputs get; this file
 * finds the nodes on a path from `wrt` to the loss, walks them backwards, and adds gradients up, undoing broadcasting on the way.
 * It also works inside the body of an If or a Loop: there `wrt` may be values of the graphs around it.
 */
import type { Graph, Node, Value } from "@ifrl/onnx"
import { artifactError } from "./ArtifactError.ts"
import { readsOf } from "./Capture.ts"
import { Accumulated, type Region, regionsOf } from "./CustomGradient.ts"
import { Emit, isFloat } from "./Emit.ts"
import { patternAt } from "./Patterns.ts"
import { type Lazy, ruleKey, Site } from "./Rule.ts"
import { nonDifferentiable, rules } from "./rules/index.ts"

/** A value together with the loss's gradient with respect to it. */
export interface Seed {
  readonly value: Value
  readonly gradient: Value
}

export interface DifferentiateOptions {
  /** A scalar, or values whose gradients are known. */
  readonly loss: Value | ReadonlyArray<Seed>
  /** Values of this graph or of those around it. */
  readonly wrt: ReadonlyArray<Value>
  /** Tensors that already hold part of a gradient, by the value it belongs to: the result is their sum. */
  readonly accumulators?: ReadonlyMap<Value, Value>
}

/** A node, or a region that is differentiated as one. */
type Step = { readonly node: Node; readonly region?: undefined } | { readonly region: Region; readonly node?: undefined }

const inputsOf = (step: Step): ReadonlyArray<Value | undefined> => step.region?.inputs ?? step.node!.inputs
const outputsOf = (step: Step): ReadonlyArray<Value> => step.region?.outputs ?? step.node!.outputs

/** A group can stand for its nodes unless it, or `kept`, takes a value from inside it. */
const closed = ({ inputs, nodes, outputs }: Region, kept: ReadonlySet<Value>): boolean =>
  [...nodes].every((node) => node.outputs.every((value) => outputs.includes(value) || !kept.has(value) && !inputs.includes(value)))

/** Nodes in order; a region stands at its last node. `kept` are values that are asked for or given gradients by themselves. */
const stepsOf = (graph: Graph, kept: ReadonlySet<Value>): Array<Step> => {
  const owner = new Map<Node, Region>()
  const rest = new Map<Region, number>()
  // An outer region is registered after the regions inside it.
  for (const region of regionsOf(graph)) for (const node of region.nodes) owner.set(node, region)
  for (const node of graph.nodes) {
    const pattern = patternAt(graph, node)
    if (pattern === undefined || !closed(pattern, kept) || [...pattern.nodes].some((part) => owner.has(part))) continue
    for (const part of pattern.nodes) owner.set(part, pattern)
  }
  for (const region of owner.values()) rest.set(region, (rest.get(region) ?? 0) + 1)
  const steps: Array<Step> = []
  for (const node of graph.nodes) {
    const region = owner.get(node)
    if (region === undefined) {
      steps.push({ node })
      continue
    }
    const left = rest.get(region)! - 1
    rest.set(region, left)
    if (left === 0) steps.push({ region })
  }
  return steps
}

/** The float values that depend on `wrt` through differentiable operators. */
const activeValues = (steps: ReadonlyArray<Step>, wrt: ReadonlyArray<Value>): ReadonlySet<Value> => {
  const active = new Set(wrt)
  for (const step of steps) {
    if (step.node !== undefined && nonDifferentiable.has(ruleKey(step.node))) continue
    const reads: Iterable<Value | undefined> = step.region?.inputs ?? readsOf(step.node!)
    for (const value of reads) {
      if (value === undefined || !active.has(value)) continue
      for (const output of outputsOf(step)) if (isFloat(output)) active.add(output)
      break
    }
  }
  return active
}

/** Operators whose inputs may be repeated along axes of their output. */
const broadcasting = new Set([
  "Add", "Sub", "Mul", "Div", "Pow", "Sum", "Mean", "Min", "Max", "Clip", "Where", "PRelu", "Expand", "Gemm", "MatMul",
  "LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization", "com.microsoft.BiasGelu", "com.microsoft.FastGelu",
  "com.microsoft.FusedMatMul", "com.microsoft.SkipLayerNormalization", "com.microsoft.SkipSimplifiedLayerNormalization"
])

/**
 * Emits the gradient of `loss` with respect to each of `wrt` and returns them by value; a value that the loss doesn't depend on is
 * missing. Fails with ArtifactError MissingGradient at an operator without a rule.
 *
 * Gradients that only end in `wrt` (weight gradients) are emitted last and in reverse: ONNX Runtime schedules a graph depth first from
 * its last leaf, so that each runs as soon as it can and the activations it needs are freed.
 */
export const differentiate = (graph: Graph, options: DifferentiateOptions): Map<Value, Value> => {
  const { accumulators = new Map<Value, Value>(), wrt } = options
  checkWrt(wrt)
  const g = new Emit(graph)
  const seeded = "name" in options.loss ? [options.loss] : options.loss.map(({ value }) => value)
  const steps = stepsOf(graph, new Set([...wrt, ...seeded]))
  const active = activeValues(steps, wrt)
  const produced = new Set(steps.flatMap(outputsOf))
  const leaves = new Set(wrt.filter((value) => !produced.has(value)))

  const totals = new Map<Value, Value>()
  const total = (value: Value): Value | undefined => totals.get(value) ?? accumulators.get(value)
  const contribute = (value: Value, lazy: Lazy, broadcasts: boolean): void => {
    const before = total(value)
    if ("into" in lazy) {
      const fits = before === undefined || before.type === value.type || lazy.widens === true
      const gradient = lazy.into(fits ? before : undefined)
      totals.set(value, fits ? gradient : g.add(before, g.cast(gradient, before.type)))
      return
    }
    const gradient = broadcasts ? g.unbroadcast(lazy(), value) : lazy()
    totals.set(value, before === undefined ? gradient : g.add(before, g.cast(gradient, before.type)))
  }

  const deferred: Array<{ readonly value: Value; readonly emit: () => void }> = []
  for (const { gradient, value } of seedsOf(g, options.loss, active)) {
    if (active.has(value)) contribute(value, () => gradient, false)
  }
  for (const step of steps.toReversed()) {
    const inputs = inputsOf(step)
    const gradients = outputsOf(step).map((value) => totals.get(value))
    if (gradients.every((gradient) => gradient === undefined)) continue
    const needs = inputs.map((value) => value !== undefined && active.has(value))
    if (step.region !== undefined) {
      checkCaptures(step.region, active)
      const answers = step.region.backward(graph, {
        inputs: step.region.inputs,
        outputs: step.region.outputs,
        gradients,
        needs,
        totals: inputs.map((value, i) =>
          value !== undefined && accumulators.has(value) && inputs.indexOf(value) === i ? total(value) : undefined
        )
      })
      for (const [i, answer] of answers.entries()) {
        const value = inputs[i]
        if (answer === undefined || value === undefined || !needs[i]) continue
        if (answer instanceof Accumulated) totals.set(value, answer.total)
        else contribute(value, () => answer, false)
      }
      continue
    }
    const { node } = step
    if (nonDifferentiable.has(ruleKey(node)) || !needs.includes(true) && !readsActive(node, active)) continue
    const lazies = rules[ruleKey(node)]?.(new Site(g, node, gradients)) ?? []
    const broadcasts = broadcasting.has(ruleKey(node))
    for (const [i, value] of inputs.entries()) {
      if (value === undefined || !needs[i] || !isFloat(value)) continue
      if (lazies[i] === null) continue
      const lazy = lazies[i] ?? missing(node, i)
      if (leaves.has(value)) deferred.push({ value, emit: () => contribute(value, lazy, broadcasts) })
      else contribute(value, lazy, broadcasts)
    }
    if (!needs.includes(true)) missingInside(node, active)
  }
  emitLeaves(deferred)
  return new Map(wrt.flatMap((value) => {
    const gradient = totals.get(value)
    return gradient === undefined ? [] : [[value, gradient] as const]
  }))
}

/** Last first, but the contributions to one value together and in order, where its last one stands. */
const emitLeaves = (deferred: ReadonlyArray<{ readonly value: Value; readonly emit: () => void }>): void => {
  const byValue = new Map<Value, Array<() => void>>()
  for (const { emit, value } of deferred) {
    const before = byValue.get(value) ?? []
    byValue.delete(value)
    byValue.set(value, [...before, emit])
  }
  for (const emits of [...byValue.values()].toReversed()) for (const emit of emits) emit()
}

const seedsOf = (g: Emit, loss: Value | ReadonlyArray<Seed>, active: ReadonlySet<Value>): ReadonlyArray<Seed> => {
  if (!("name" in loss)) return loss
  if (!active.has(loss)) {
    throw artifactError(
      "NotDifferentiable",
      `The loss "${loss.name}" doesn't depend on any of the values to differentiate by through differentiable operators`,
      "Check requiresGrad, and that no Cast to an integer, ArgMax or comparison lies between",
      { tensor: loss.name }
    )
  }
  if (loss.shape !== undefined && loss.shape.some((dim) => dim !== 1)) {
    throw artifactError(
      "NotDifferentiable",
      `The loss "${loss.name}" has shape [${loss.shape.join(", ")}]`,
      "Reduce it to one element, or give seeds ({ value, gradient })",
      { tensor: loss.name }
    )
  }
  return [{ value: loss, gradient: loss.shape?.length === 0 ? g.scalar(1, loss) : g.full(1, loss) }]
}

const checkWrt = (wrt: ReadonlyArray<Value>): void => {
  for (const value of wrt) {
    if (!isFloat(value)) {
      throw artifactError("NotDifferentiable", `Tensor "${value.name}" is ${value.type}, which has no gradient`, "Leave it out", {
        tensor: value.name
      })
    }
  }
}

/** A Loop, If or Scan may read an active value inside its body only. */
const readsActive = (node: Node, active: ReadonlySet<Value>): boolean => {
  for (const value of readsOf(node)) if (active.has(value)) return true
  return false
}

const checkCaptures = (region: Region, active: ReadonlySet<Value>): void => {
  const inputs = new Set(region.inputs)
  const own = new Set([...region.nodes].flatMap((node) => node.outputs))
  for (const node of region.nodes) {
    for (const value of readsOf(node)) {
      if (active.has(value) && !inputs.has(value) && !own.has(value)) {
        throw artifactError(
          "NotDifferentiable",
          `Region "${region.name}" uses "${value.name}" (at ${node.opType} "${node.name}") without listing it as an input, so ` +
            "its gradient would be lost",
          "Pass it in the region's inputs",
          { operator: node.opType, node: node.name, tensor: value.name }
        )
      }
    }
  }
}

const refuse = (node: Node, what: string, tensor: string): never => {
  throw artifactError(
    "MissingGradient",
    `${ruleKey(node)} (node "${node.name}") has no gradient rule for ${what}`,
    "Wrap the part of the graph around it in customGradient, or keep the parameters behind it out of requiresGrad",
    { operator: ruleKey(node), node: node.name, tensor }
  )
}

const missing = (node: Node, input: number): never => {
  const name = node.inputs[input]?.name ?? ""
  return refuse(node, `input ${input} ("${name}")`, name)
}

/** Nothing that the node lists needs a gradient: a body of it reads something that does. */
const missingInside = (node: Node, active: ReadonlySet<Value>): never => {
  const name = [...readsOf(node)].find((value) => active.has(value))?.name ?? ""
  return refuse(node, `"${name}", which its body reads`, name)
}
