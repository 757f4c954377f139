import { addDims, type Dim, divideDims, multiplyDims } from "../Dim.ts"
import type { Inference } from "../Inference.ts"
import { operator, type OperatorTable } from "../Operator.ts"
import type { Shape } from "../Shape.ts"

/** GroupQueryAttention: query [B, T, H*E] (or packed q, k, v), key and value [B, T, K*E], past [B, K, S, E]. */
const groupQuery = (node: Inference) => {
  const type = node.type(0)
  const query = node.ranked(0, 3)
  const heads = node.requiredInt("num_heads")
  const kvHeads = node.requiredInt("kv_num_heads")
  node.expectType(5, "int32")
  node.expectType(6, "int32")
  const packed = !node.has(1)
  if (query === undefined) return [{ type, shape: undefined }, { type, shape: undefined }, { type, shape: undefined }]
  const [b, t, width] = query as [Dim, Dim, Dim]
  const own = divideDims(width, packed ? heads + 2 * kvHeads : heads)
  if (own === undefined && typeof width === "number") {
    node.fail(`${width} doesn't divide into heads`, "Check num_heads and kv_num_heads")
  }
  const keyWidth = packed ? undefined : node.ranked(1, 3)?.[2]
  const e = own ?? (keyWidth === undefined ? undefined : divideDims(keyWidth, kvHeads)) ?? node.fresh()
  if (keyWidth !== undefined) {
    node.unify([keyWidth, multiplyDims(e, kvHeads)], "the width of key, kv_num_heads times head size")
  }
  const hidden = packed ? multiplyDims(e, heads) : width
  const past = node.has(3) ? node.shape(3) : undefined
  const total = node.contents(6)?.[0]
  // The cache keeps its capacity when it holds the whole sequence; otherwise it grows to the total length.
  const cached = past?.[2]
  const capacity = !node.has(3)
    ? total ?? t
    : typeof total === "number" && typeof cached === "number"
    ? Math.max(total, cached)
    : node.fresh()
  const present: Shape = [b, kvHeads, capacity, e]
  const cacheType = node.has(3) ? node.type(3) : type
  return [{ type, shape: [b, t, hidden] }, { type: cacheType, shape: present }, { type: cacheType, shape: present }]
}

/** MultiHeadAttention: query [B, T, D], key [B, S, D], value [B, S, D_v]; past [B, H, P, E]. */
const multiHead = (node: Inference) => {
  const type = node.type(0)
  const query = node.ranked(0, 3, 5)
  const value = node.has(2) ? node.ranked(2, 3, 4) : undefined
  const heads = node.requiredInt("num_heads")
  const unknown = { type, shape: undefined }
  if (query === undefined || query.length !== 3 || value === undefined) return [unknown, unknown, unknown, unknown]
  const [b, t, d] = query as [Dim, Dim, Dim]
  // A value of rank 4 is [B, H, S, E].
  const [s, width] = value.length === 3 ? [value[1]!, value[2]!] : [value[2]!, multiplyDims(value[1]!, value[3]!)]
  const past = node.has(6) ? node.shape(6) : undefined
  const total = node.has(6) ? addDims(past?.[2] ?? node.fresh(), s) : s
  const head = (dim: Dim) => divideDims(dim, heads) ?? node.fresh()
  return [
    { type, shape: [b, t, width] },
    { type, shape: [b, heads, total, head(d)] },
    { type, shape: [b, heads, total, head(width)] },
    { type, shape: [b, heads, t, total] }
  ]
}

const rotaryAttributes = { interleaved: "int", num_heads: "int", rotary_embedding_dim: "int" } as const

export const fusedAttention: OperatorTable = {
  GroupQueryAttention: {
    inputs: [7, 14],
    optional: [1, 2, 3, 4],
    outputs: [1, 4],
    attributes: {
      num_heads: "int",
      kv_num_heads: "int",
      scale: "float",
      softcap: "float",
      local_window_size: "int",
      do_rotary: "int",
      rotary_interleaved: "int",
      smooth_softmax: "int",
      qk_output: "int",
      kv_cache_bit_width: "int",
      k_quant_type: "string",
      v_quant_type: "string"
    },
    infer: groupQuery
  },
  MultiHeadAttention: {
    inputs: [1, 10],
    outputs: [1, 4],
    attributes: { num_heads: "int", mask_filter_value: "float", scale: "float", unidirectional: "int" },
    infer: multiHead
  },
  RotaryEmbedding: operator(
    [4, 4],
    { ...rotaryAttributes, is_packed_batching: "int", scale: "float" },
    (node) => {
      node.expectType(1, "int64")
      return { type: node.sameType(0, 2, 3), shape: node.ranked(0, 3, 4) }
    }
  )
}

/** The ONNX operators of the same kind, which need opset 23. */
export const attention: OperatorTable = {
  RotaryEmbedding: operator([3, 4], rotaryAttributes, (node) => {
    node.expectType(3, "int64")
    return { type: node.sameType(0, 1, 2), shape: node.ranked(0, 3, 4) }
  }, { since: 23 })
}
