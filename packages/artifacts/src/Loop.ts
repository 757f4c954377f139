import type { Graph, Value } from "@ifrl/onnx"
import { Emit } from "./Emit.ts"

export interface LoopBody {
  /** Emits into the body. */
  readonly g: Emit
  /** First element of this block, int64 [1], and the one after the block's last. */
  readonly start: Value
  readonly end: Value
  /** Loop-carried values, in the order of `states`. */
  readonly states: ReadonlyArray<Value>
}

export interface BlockLoop {
  readonly name: string
  /** How many elements there are, int64 [1]; the last block may be short. */
  readonly length: Value
  readonly block: number
  readonly states: ReadonlyArray<Value>
  /** Returns the next states and the scan outputs; those of a short block must be padded to full size. */
  readonly body: (body: LoopBody) => { readonly states: ReadonlyArray<Value>; readonly scans: ReadonlyArray<Value> }
}

/** A Loop over blocks of an axis: returns the final states, then the scan outputs stacked along a new first axis. */
export const blockLoop = (graph: Graph, { block, body, length, name, states }: BlockLoop): Array<Value> => {
  const g = new Emit(graph)
  const trips = g.div(g.shift(length, block - 1), g.int(block))
  const inner = graph.subgraph(name)
  const b = new Emit(inner)
  // Names are unique over all graphs of a tree: the body's inputs borrow that of the trip count.
  const own = (part: string) => `${name}.${trips.name}.${part}`
  const index = inner.input(own("index"), "int64", [])
  const go = inner.input(own("go"), "bool", [])
  // An axis that starts empty grows.
  const carried = states.map((state, i) =>
    inner.input(own(`state${i}`), state.type, state.shape?.map((dim) => dim === 0 ? "" : dim))
  )
  const start = b.reshape(b.mul(index, b.int(block)), [1])
  const end = b.op("Min", [b.shift(start, block), length])
  const next = body({ g: b, start, end, states: carried })
  inner.output(b.op("Identity", [go]))
  for (const value of [...next.states, ...next.scans]) inner.output(value)
  return graph.ops(
    "Loop",
    [g.reshape(trips, []), undefined, ...states],
    next.states.length + next.scans.length,
    { body: inner },
    { name }
  )
}

/** A block's `value` with zeros behind it on `axis` up to the full block, as a scan output must have it. */
export const padBlock = ({ end, g, start }: LoopBody, value: Value, block: number, axis: number): Value =>
  g.pad(value, g.concat([g.ints([0]), g.sub(g.shift(start, block), end)], 0), g.ints([axis]))
