/**
 * Which operators have a CUDA kernel, and for which element types. Facts of ONNX Runtime's docs/OperatorKernels.md (the section on
 * CUDAExecutionProvider, commit 001d12d, newest opset of each operator), for the operators that this repository emits or
 * differentiates. A node without one runs on the CPU with copies on both sides; inside a Loop that costs two synchronisations per iteration.
 */
import type { ElementType, Graph, Node } from "@ifrl/onnx"
import { bodiesOf } from "./Capture.ts"
import { ruleKey } from "./Rule.ts"

type Types = ReadonlyArray<ElementType>

const float: Types = ["float64", "float32", "float16"]
const withBfloat: Types = [...float, "bfloat16"]
const compared: Types = [...float, "int32", "int64", "uint32", "uint64"]
const arithmetic: Types = [...withBfloat, "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
const anything: Types = [...arithmetic, "bool"]

const groups: ReadonlyArray<readonly [types: Types, operators: string]> = [
  [anything, "Cast Concat ConstantOfShape Expand Flatten Gather GatherElements Identity If Loop Scan Reshape ScatterElements ScatterND Shape " +
    "Size Slice Split Squeeze Transpose Trilu Unsqueeze Constant"],
  [arithmetic, "Abs Add Sub Mul Div Sign"],
  [[...withBfloat, "int8", "int16", "int32", "int64"], "Neg"],
  [[...withBfloat, "int32", "int64", "uint32", "uint64"], "Max Min"],
  [withBfloat, "Dropout Erf Exp Gelu Gemm HardSigmoid HardSwish IsInf IsNaN LayerNormalization MatMul RMSNormalization Relu Sigmoid " +
    "SimplifiedLayerNormalization Softmax Sqrt Sum Tanh com.microsoft.BiasGelu com.microsoft.FastGelu com.microsoft.FusedMatMul " +
    "com.microsoft.Gelu com.microsoft.QuickGelu"],
  [[...withBfloat, "int32", "int64"], "Pow ReduceSum Tile"],
  [[...withBfloat, "int32", "int64", "uint8"], "Where"],
  [[...withBfloat, "bool", "int64"], "GatherND"],
  [["float32", "float16", "bfloat16"], "RotaryEmbedding com.microsoft.RotaryEmbedding com.microsoft.SkipLayerNormalization " +
    "com.microsoft.SkipSimplifiedLayerNormalization Attention com.microsoft.MultiHeadAttention"],
  [["float16", "bfloat16"], "com.microsoft.GroupQueryAttention"],
  [float, "ArgMax ArgMin Ceil Cos Einsum Elu Floor LeakyRelu Log LogSoftmax PRelu Reciprocal ReduceLogSum ReduceLogSumExp " +
    "ReduceSumSquare Round Selu Sin Softplus Softsign ThresholdedRelu"],
  [[...float, "int32"], "ReduceL1 ReduceL2 ReduceMean ReduceProd"],
  [[...float, "int32", "int64"], "ReduceMax TopK"],
  [[...float, "int32", "int64", "int8", "uint8"], "ReduceMin"],
  [[...float, "bool"], "Pad"],
  [[...float, "int8", "int64", "uint8", "uint64"], "Clip"],
  [[...compared], "CumSum Greater GreaterOrEqual Less LessOrEqual"],
  [[...compared, "bool"], "Equal"],
  [["float64", "float32", "int16", "int32", "int64"], "Range"],
  [["bool", "float32", "float16", "int32", "int64", "uint8"], "NonZero"],
  [["float32", "float16", "int64"], "OneHot"],
  [["bool"], "And Not Or Xor"]
]

const table: ReadonlyMap<string, ReadonlySet<ElementType>> = new Map(
  groups.flatMap(([types, operators]) => operators.split(" ").map((name) => [name, new Set(types)] as const))
)

/** The input whose element type chooses the kernel. */
const decisive: Readonly<Record<string, number>> = { Where: 1, If: -1, Loop: -1, Scan: -1, Constant: -1, ConstantOfShape: -1 }

/** Whether CUDA has a kernel for an operator ("com.microsoft.Name" outside ONNX's own domain) on an element type. */
export const hasCudaKernel = (operator: string, type: ElementType): boolean => table.get(operator)?.has(type) ?? false

export interface CpuNode {
  readonly node: Node
  readonly operator: string
  readonly type: ElementType
  /** Names of the bodies around the node, outermost first. */
  readonly bodies: ReadonlyArray<string>
  /** Somewhere inside a Loop or Scan. */
  readonly inLoop: boolean
}

/** The nodes of a graph and its bodies that would run on the CPU for want of a CUDA kernel. */
export const nodesWithoutCudaKernel = (graph: Graph): Array<CpuNode> => {
  const visit = (g: Graph, bodies: ReadonlyArray<string>, inLoop: boolean): Array<CpuNode> =>
    g.nodes.flatMap((node) => {
      const operator = ruleKey(node)
      const chosen = node.inputs[decisive[operator] ?? 0] ?? node.outputs[0]!
      const own = hasCudaKernel(operator, chosen.type) ? [] : [{ node, operator, type: chosen.type, bodies, inLoop }]
      const loops = inLoop || node.opType === "Loop" || node.opType === "Scan"
      return [...own, ...bodiesOf(node).flatMap(([, body]) => visit(body, [...bodies, body.name], loops))]
    })
  return visit(graph, [], false)
}
