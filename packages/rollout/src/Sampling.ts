/**
 * Sampling as a graph: the next token of B rows from their logits, G draws a row, from fed uniforms. Temperature,
 * top-k, top-p and min-p are run-time scalars, applied in that order, as Hugging Face transformers does.
 *
 * Without top-k and top-p, tokens come from the inverse of the cumulative distribution in two levels: a block of 128
 * ids by the first uniform, an id of the block by the second. An fp32 cumulative sum over a whole vocabulary ends short
 * of 1 and would hand the missing mass to the last id; here each level is measured against its own total.
 *
 * With them, candidates are sorted: the top k, or for top-p the top 1,024 (256 for vocabularies below 16,384). All
 * three filters keep a prefix of that order. If the nucleus of any row goes beyond those candidates, the step sorts the
 * whole vocabulary instead, so the result is exact and only slower. Ties go to the lower id.
 */
import { negligible } from "@ifrl/models"
import { type ElementType, type Graph, type Value } from "@ifrl/onnx"

/** How tokens are chosen. */
export interface Sampling {
  /** Divides the logits; 0 takes the most probable token, otherwise at least 0.001. Default 1. */
  readonly temperature?: number
  /** Keep the k most probable tokens; 0 keeps all. Default 0. */
  readonly topK?: number
  /** Keep the most probable tokens that together reach this probability; 1 keeps all. Default 1. */
  readonly topP?: number
  /** Keep tokens at least this fraction as probable as the most probable one; 0 keeps all. Default 0. */
  readonly minP?: number
}

/** The graph inputs that carry `Sampling`: scalars, so that one session serves every setting. */
export const samplingScalars = [
  { name: "temperature", type: "float32" },
  { name: "top_k", type: "int64" },
  { name: "top_p", type: "float32" },
  { name: "min_p", type: "float32" }
] as const

export interface SamplingInputs {
  /** [B, V] float32. */
  readonly logits: Value
  /** [B, G, 2] float32 in [0, 1), independent: a block, then an id within it. */
  readonly uniforms: Value
  readonly temperature: Value
  readonly topK: Value
  readonly topP: Value
  readonly minP: Value
}

export interface Sampled {
  /** [B, G] int64. */
  readonly tokens: Value
  /** [B, G] float32: log-probability at temperature 1 over the whole vocabulary. */
  readonly logProbs: Value
  /** [B, G] float32: log-probability under the distribution that was sampled; 0 for greedy choice. */
  readonly samplingLogProbs: Value
}

export interface SamplingOptions {
  /** V. */
  readonly vocabSize: number
  /** How many tokens top-p sorts before it sorts all. */
  readonly candidates?: number
}

/** Ids per block of the first level. */
const block = 128

/** The tail that keeps `u * total` below `total` in float32 and float64: one unit in the last place of 1. */
const belowOne: Partial<Record<ElementType, number>> = { float32: 1 - 2 ** -23, float64: 1 - 2 ** -52 }

/** Masses in blocks of ids, [B, V / 128, 128], and their sums, [B, V / 128]. */
interface Blocks {
  readonly blocks: Value
  readonly sums: Value
}

type Choice = readonly [tokens: Value, samplingLogProbs: Value]

/** Shorthands over one graph. */
const emitter = (g: Graph) => {
  const axes = (...values: ReadonlyArray<number>) => g.constant("int64", values)
  const cast = (x: Value, to: ElementType) => g.op("Cast", [x], { to })
  const sum = (x: Value, axis: number, keepdims = 0) => g.op("ReduceSum", [x, axes(axis)], { keepdims })
  const lastColumn = (x: Value) => g.op("Slice", [x, axes(-1), axes(2 ** 31 - 1), axes(1)])
  return {
    axes,
    cast,
    sum,
    lastColumn,
    scalar: (type: ElementType, value: number) => g.constant(type, value),
    branch: (condition: Value, yes: (g: Graph) => Choice, no: (g: Graph) => Choice): Choice => {
      const body = (name: string, emit: (g: Graph) => Choice) => {
        const graph = g.subgraph(name)
        for (const value of emit(graph)) graph.output(value)
        return graph
      }
      const [tokens, logProbs] = g.ops("If", [condition], 2, {
        then_branch: body("then", yes),
        else_branch: body("else", no)
      })
      return [tokens!, logProbs!]
    },
    /** For each draw [B, G] the first index whose cumulative mass [B, n] or [B, G, n] exceeds u times the total. */
    pick: (cumulative: Value, total: Value, u: Value) => {
      const top = g.op("Mul", [total, g.constant(total.type, belowOne[total.type]!)])
      const target = g.op("Unsqueeze", [g.op("Min", [g.op("Mul", [u, total]), top]), axes(2)])
      // Counts stay below 2^24, so float32 holds them exactly and sums them fastest.
      return cast(sum(cast(g.op("LessOrEqual", [cumulative, target]), "float32"), 2), "int64")
    }
  }
}

/** Adds sampling to a graph. */
export const sample = (g: Graph, inputs: SamplingInputs, options: SamplingOptions): Sampled => {
  const { minP, temperature, topK, topP } = inputs
  const { vocabSize } = options
  const candidates = Math.min(options.candidates ?? (vocabSize < 16_384 ? 256 : 1024), vocabSize)
  const e = emitter(g)
  const padding = (block - vocabSize % block) % block
  const logits = padding === 0
    ? inputs.logits
    : g.op("Pad", [inputs.logits, e.axes(0, 0, 0, padding), e.scalar("float32", -Infinity)])
  const shifted = g.op("Sub", [logits, g.op("ReduceMax", [logits, e.axes(1)], { keepdims: 1 })])
  const inverse = g.op("Div", [e.scalar("float32", 1), temperature])
  // A uniform of 0 would take the first id even where its mass is only what `massOf` leaves of it.
  const uniforms = g.op("Max", [inputs.uniforms, e.scalar("float32", 2 ** -25)])

  const blocksOf = (g: Graph, mass: Value): Blocks => {
    const blocks = g.op("Reshape", [mass, g.constant("int64", [0, -1, block])])
    return { blocks, sums: emitter(g).sum(blocks, 2) }
  }
  const totalOf = (g: Graph, { sums }: Blocks) => emitter(g).sum(sums, 1, 1)
  const heated = (g: Graph, x: Value) => g.op("Mul", [x, inverse])
  const massOf = (g: Graph, x: Value) => g.op("Exp", [g.op("Max", [x, g.constant("float32", -negligible)])])
  /** Of the logits as they are, which log-probabilities need whatever the temperature. */
  const unheated = blocksOf(g, massOf(g, shifted))

  const greedy = (g: Graph): Choice => {
    const best = g.op("ArgMax", [logits], { axis: 1, keepdims: 1 })
    const draws = g.op("Shape", [uniforms], { start: 0, end: 2 })
    const zero = { type: "float32", dims: [1], bytes: new Uint8Array(4) } as const
    return [g.op("Expand", [best, draws]), g.op("ConstantOfShape", [draws], { value: zero })]
  }

  const heatedMass = (g: Graph) => massOf(g, heated(g, shifted))
  const aboveMinP = (g: Graph) => {
    const mass = heatedMass(g)
    return g.op("Where", [g.op("Less", [mass, minP]), g.constant("float32", 0), mass])
  }

  const unsorted = (blocksIn: (g: Graph) => Blocks) => (g: Graph): Choice => {
    const e = emitter(g)
    const { blocks, sums } = blocksIn(g)
    const [first, second] = g.ops("Split", [uniforms, e.axes(1, 1)], 2, { axis: 2 })
    const u = (part: Value) => g.op("Squeeze", [part, e.axes(2)])
    const outer = g.op("CumSum", [sums, e.scalar("int64", 1)])
    const blockIds = e.pick(g.op("Unsqueeze", [outer, e.axes(1)]), e.lastColumn(outer), u(first!))
    const chosen = g.op("GatherND", [blocks, g.op("Unsqueeze", [blockIds, e.axes(2)])], { batch_dims: 1 })
    const inner = g.op("CumSum", [chosen, e.scalar("int64", 2)])
    const total = g.op("Squeeze", [g.op("Slice", [inner, e.axes(-1), e.axes(2 ** 31 - 1), e.axes(2)]), e.axes(2)])
    const lanes = e.pick(inner, total, u(second!))
    const tokens = g.op("Add", [g.op("Mul", [blockIds, e.scalar("int64", block)]), lanes])
    const logMass = heated(g, g.op("GatherElements", [shifted, tokens], { axis: 1 }))
    return [tokens, g.op("Sub", [logMass, g.op("Log", [e.sum(sums, 1, 1)])])]
  }

  /**
   * The k largest: log masses [B, k] falling, their ids, masses and cumulative masses in float64, top-p's mass [B, 1].
   */
  const sorted = (g: Graph, k: Value) => {
    const e = emitter(g)
    const [values, ids] = g.ops("TopK", [shifted, k], 2, { axis: 1 })
    const logMass = e.cast(heated(g, values!), "float64")
    const mass = g.op("Exp", [logMass])
    const cumulative = g.op("CumSum", [mass, e.scalar("int64", 1)])
    const all = e.cast(totalOf(g, blocksOf(g, heatedMass(g))), "float64")
    const limited = g.op("Greater", [topK, e.scalar("int64", 0)])
    const nucleus = g.op("Mul", [
      e.cast(topP, "float64"),
      g.op("Where", [limited, e.lastColumn(cumulative), all])
    ])
    return { ids: ids!, logMass, mass, cumulative, nucleus, limited }
  }

  const amongSorted = (g: Graph, { cumulative, ids, logMass, mass, nucleus }: ReturnType<typeof sorted>): Choice => {
    const e = emitter(g)
    const kept = g.op("And", [
      g.op("Less", [g.op("Sub", [cumulative, mass]), nucleus]),
      g.op("GreaterOrEqual", [mass, e.cast(minP, "float64")])
    ])
    // The first candidate is always kept: nothing comes before it and its mass is 1.
    const count = e.sum(e.cast(kept, "int64"), 1, 1)
    const total = g.op("GatherElements", [cumulative, g.op("Sub", [count, e.scalar("int64", 1)])], { axis: 1 })
    const [first, second] = g.ops("Split", [e.cast(uniforms, "float64"), e.axes(1, 1)], 2, { axis: 2 })
    const fine = g.op("Add", [first!, g.op("Mul", [second!, e.scalar("float64", 2 ** -24)])])
    const index = e.pick(g.op("Unsqueeze", [cumulative, e.axes(1)]), total, g.op("Squeeze", [fine, e.axes(2)]))
    const logMasses = g.op("GatherElements", [logMass, index], { axis: 1 })
    return [
      g.op("GatherElements", [ids, index], { axis: 1 }),
      e.cast(g.op("Sub", [logMasses, g.op("Log", [total])]), "float32")
    ]
  }

  const filtered = (g: Graph): Choice => {
    const e = emitter(g)
    const whole = e.axes(vocabSize)
    const k = g.op("Min", [g.op("Reshape", [topK, e.axes(1)]), whole])
    const limited = g.op("Greater", [topK, e.scalar("int64", 0)])
    const first = sorted(g, g.op("Where", [limited, k, e.axes(candidates)]))
    if (candidates === vocabSize) return amongSorted(g, first)
    const goesOn = g.op("And", [
      g.op("Less", [e.lastColumn(first.cumulative), first.nucleus]),
      g.op("GreaterOrEqual", [e.lastColumn(first.mass), e.cast(minP, "float64")])
    ])
    const anyGoesOn = g.op("ReduceMax", [e.cast(goesOn, "int32")], { keepdims: 0 })
    const widen = g.op("And", [g.op("Not", [limited]), e.cast(anyGoesOn, "bool")])
    return e.branch(widen, (g) => amongSorted(g, sorted(g, whole)), (g) => amongSorted(g, first))
  }

  const [tokens, samplingLogProbs] = e.branch(
    g.op("LessOrEqual", [temperature, e.scalar("float32", 0)]),
    greedy,
    (g) => {
      const e = emitter(g)
      const filters = g.op("Or", [
        g.op("Greater", [topK, e.scalar("int64", 0)]),
        g.op("Less", [topP, e.scalar("float32", 1)])
      ])
      const all = unsorted((g) => blocksOf(g, heatedMass(g)))
      const above = unsorted((g) => blocksOf(g, aboveMinP(g)))
      const drawn = (g: Graph) => {
        const limited = g.op("Greater", [minP, g.constant("float32", 0)])
        const asIs = g.op("And", [g.op("Equal", [temperature, g.constant("float32", 1)]), g.op("Not", [limited])])
        return emitter(g).branch(asIs, unsorted(() => unheated), (g) => emitter(g).branch(limited, above, all))
      }
      return e.branch(filters, filtered, drawn)
    }
  )
  const logProbs = g.op("Sub", [
    g.op("GatherElements", [shifted, tokens], { axis: 1 }),
    g.op("Log", [totalOf(g, unheated)])
  ])
  return { tokens, logProbs, samplingLogProbs }
}
