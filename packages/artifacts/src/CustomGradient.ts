import type { Graph, Node, Value } from "@ifrl/onnx"
import { artifactError } from "./ArtifactError.ts"
import { externalsOf } from "./Capture.ts"

/** A gradient that already holds what was accumulated before: it replaces the running total instead of being added to it. */
export class Accumulated {
  readonly total: Value
  constructor(total: Value) {
    this.total = total
  }
}

export interface Backward {
  readonly inputs: ReadonlyArray<Value>
  readonly outputs: ReadonlyArray<Value>
  /** Gradients of the outputs; undefined where the loss doesn't depend on one. */
  readonly gradients: ReadonlyArray<Value | undefined>
  /** Which inputs need a gradient; others may be left undefined. */
  readonly needs: ReadonlyArray<boolean>
  /** Running totals of parameter gradients: an input that has one may be answered with `Accumulated`. A repeated input has one. */
  readonly totals: ReadonlyArray<Value | undefined>
}

export type InputGradients = ReadonlyArray<Value | Accumulated | undefined>

/** Nodes that are differentiated as one, by a backward of their own. */
export interface Region {
  readonly name: string
  readonly nodes: ReadonlySet<Node>
  readonly inputs: ReadonlyArray<Value>
  readonly outputs: ReadonlyArray<Value>
  readonly backward: (graph: Graph, site: Backward) => InputGradients
}

const regions = new WeakMap<Graph, Array<Region>>()

export const regionsOf = (graph: Graph): ReadonlyArray<Region> => regions.get(graph) ?? []

export interface RegionOptions {
  readonly inputs: ReadonlyArray<Value>
  /** Emits into the graph it is given, which may be a subgraph when the region is recomputed. */
  readonly forward: (graph: Graph, inputs: ReadonlyArray<Value>) => ReadonlyArray<Value>
  /** Counts everything that the nodes read from outside as an input, behind the given ones. */
  readonly captures?: boolean
  readonly backward: Region["backward"]
}

export const region = (graph: Graph, name: string, options: RegionOptions): Array<Value> => {
  const start = graph.nodes.length
  const outputs = [...options.forward(graph, options.inputs)]
  const nodes = new Set(graph.nodes.slice(start))
  for (const output of outputs) {
    if (!nodes.has(graph.producer(output)!)) {
      throw artifactError(
        "BadOption",
        `Region "${name}" returns "${output.name}", which none of its nodes computes`,
        "Emit an Identity for it inside the region's forward",
        { tensor: output.name }
      )
    }
  }
  // A backward answers by position, so an input that is given twice stays twice; captures answer by value.
  const inputs = options.captures === true ? [...new Set([...options.inputs, ...externalsOf([...nodes])])] : [...options.inputs]
  const known = regions.get(graph) ?? []
  regions.set(graph, [...known, { name, nodes, inputs, outputs, backward: options.backward }])
  return outputs
}

/**
 * Emits `forward` and differentiates it by `backward` instead of by the rules of its operators. `backward` gets the gradients of the
 * outputs and returns one gradient per input, in the shape of the input. Every value whose gradient matters must be among
 * `inputs`. Regions may nest; the outermost one counts.
 */
export const customGradient = (
  graph: Graph,
  name: string,
  inputs: ReadonlyArray<Value>,
  forward: RegionOptions["forward"],
  backward: Region["backward"]
): Array<Value> => region(graph, name, { inputs, forward, backward })
