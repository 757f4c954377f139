export * from "./Config.ts"
export { families, type Family, type FamilyName, type SlidingWindow } from "./Families.ts"
export { downloadModel, type DownloadOptions, type HubProgress, isHubId } from "./Hub.ts"
export { type HubEnvironment, hubEnvironment } from "./HubEnvironment.ts"
export * from "./ModelError.ts"
export * from "./Safetensors.ts"
export { continuationOf, prefilledThought } from "./Thinking.ts"
export * from "./Tokenizer.ts"
export * from "./TrainTokenizer.ts"
export { decoderGraph, type DecoderGraph, type DecoderOptions } from "./Decoder.ts"
export { joinParameters, jointParameters } from "./JointParameters.ts"
export { linear, negligible, rmsNorm, type RopeValues, ropeValues, rotate, softmax, swiGlu } from "./Layers.ts"
export { packedClassifierGraph, type PackedClassifierOptions } from "./PackedClassifier.ts"
export { decoderParameters, parameterCount, type ParameterSpec } from "./Parameters.ts"
export { packRows, prefixBatches } from "./PrefixTree.ts"
export * from "./Rope.ts"
export type { RopeScaling } from "./RopeScaling.ts"
export {
  initializeModel,
  type InitializeOptions,
  initializeWeights,
  loadConfig,
  loadModel,
  type LoadOptions,
  loadWeights,
  Model,
  type Parameters,
  saveModel
} from "./Model.ts"
export * from "./AdapterFolder.ts"
export {
  type Classifier, type ClassifierConfig, classifierGraph, classifierOn, type ClassifierOptions, classifierParameters,
  loadClassifier, parseClassifierConfig, saveClassifier, scoreName, scoreParameter
} from "./ClassifierHead.ts"
export * from "./Export.ts"
export { exportGraph, type ExportGraphOptions, type ExportType } from "./ExportGraph.ts"
export * from "./Lora.ts"
export { mergeAdapter } from "./MergeAdapter.ts"
export { readWeights, type SaveWeightsOptions, writeWeights } from "./Weights.ts"
