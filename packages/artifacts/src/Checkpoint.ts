import type { Graph, Value } from "@ifrl/onnx"
import { Accumulated, region, type RegionOptions } from "./CustomGradient.ts"
import { differentiate } from "./Differentiate.ts"
import { Emit, isFloat } from "./Emit.ts"

/**
 * Emits `forward` so that only its inputs and outputs are kept for the backward pass: its activations are computed again there.
 *
 * ONNX Runtime would merge recomputed nodes with the originals, or hoist them. It can't look through an If whose condition is known
 * only at run time, so the backward lives in one: `flag` is a boolean scalar that must be fed true. Fed false, all gradients that pass
 * here are NaN, so the mistake shows. Parameter gradients are accumulated inside the If too, which lets each activation go as soon as
 * its layer is done. A region inside `forward` keeps its own backward.
 */
export const checkpoint = (
  graph: Graph,
  name: string,
  inputs: ReadonlyArray<Value>,
  forward: RegionOptions["forward"],
  flag: Value
): Array<Value> =>
  region(graph, name, {
    inputs,
    forward,
    captures: true,
    backward: (g, { gradients, inputs: all, needs, totals }) => {
      const wanted = all.flatMap((value, i) => needs[i] && isFloat(value) ? [{ value, total: totals[i] }] : [])
      const body = g.subgraph(`${name}.recompute`)
      const seeds = forward(body, inputs).flatMap((value, i) => {
        const gradient = gradients[i]
        return gradient === undefined ? [] : [{ value, gradient }]
      })
      const computed = differentiate(body, {
        loss: seeds,
        wrt: wanted.map(({ value }) => value),
        accumulators: new Map(wanted.flatMap(({ total, value }) => total === undefined ? [] : [[value, total] as const]))
      })
      const answered = wanted.filter(({ value }) => computed.has(value))
      if (answered.length === 0) return []
      const refusal = g.subgraph(`${name}.refuse`)
      const refuse = new Emit(refusal)
      for (const { total, value } of answered) {
        body.output(computed.get(value)!)
        const like = total ?? value
        refusal.output(refuse.mul(like, refuse.scalar(NaN, like)))
      }
      const results = g.ops("If", [flag], answered.length, { then_branch: body, else_branch: refusal })
      const byValue = new Map(answered.map(({ total, value }, i) =>
        [value, total === undefined ? results[i]! : new Accumulated(results[i]!)] as const
      ))
      return all.map((value) => byValue.get(value))
    }
  })
