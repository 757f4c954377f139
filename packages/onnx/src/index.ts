export * from "./Attribute.ts"
export * from "./Dim.ts"
export * from "./ElementType.ts"
export { ExternalTensor } from "./ExternalData.ts"
export * from "./Graph.ts"
export * from "./ImportModel.ts"
export { describe, type Inference, type ValueType } from "./Inference.ts"
export { decodeModel, encodeModel, type ModelOptions, toModel } from "./Model.ts"
export * from "./ModelFile.ts"
export type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
  ValueInfoProto
} from "./onnx_pb.ts"
export * from "./OnnxError.ts"
export { findOperator } from "./operators/index.ts"
export type { Operator } from "./Operator.ts"
export { allNodes, capturedValues, subgraphsOf, topologicalOrder } from "./Order.ts"
export * from "./Print.ts"
export * from "./Shape.ts"
export { stringTensor, type TensorData, tensorData, tensorValues } from "./TensorData.ts"
