import { Schema } from "effect"

export const manifestFile = "manifest.json"

/** File names of the models; the same as those of ONNX Runtime's on-device training where there is one. */
export const modelFiles = {
  training: "training_model.onnx",
  evaluation: "eval_model.onnx",
  optimizer: "optimizer_model.onnx",
  gradientNorm: "gradient_norm_model.onnx",
  generate: "generate_model.onnx"
} as const

export type ModelName = keyof typeof modelFiles

const Tensor = Schema.Struct({
  name: Schema.String,
  type: Schema.String,
  /** Sizes, or names of symbolic sizes. */
  shape: Schema.Array(Schema.Union([Schema.Int, Schema.String]))
})
export type ManifestTensor = typeof Tensor.Type

const Alias = Schema.Struct({ input: Schema.String, output: Schema.String })

/** What a program needs to know to train from an artifact folder. */
export const Manifest = Schema.Struct({
  format: Schema.Literal("ifrl-artifacts"),
  version: Schema.Literal(1),
  loss: Schema.String,
  elementType: Schema.Literals(["float32", "float64", "float16", "bfloat16"]),
  /** Where the graphs are meant to run. */
  device: Schema.Literals(["cpu", "cuda"]),
  opset: Schema.Int,
  /** The layers' backward recomputes activations: feed `recompute` with true. */
  recompute: Schema.Boolean,
  optimizer: Schema.Struct({ name: Schema.String, beta1: Schema.Number, beta2: Schema.Number, epsilon: Schema.Number }),
  parameters: Schema.Array(Schema.Struct({
    name: Schema.String,
    shape: Schema.Array(Schema.Int),
    /** Has a gradient buffer, bound to `gradient.input` and `gradient.output` of the training model. */
    trained: Schema.Boolean,
    /** Weight decay applies. */
    decay: Schema.Boolean,
    gradient: Schema.optionalKey(Schema.Struct({ input: Schema.String, output: Schema.String, type: Schema.String }))
  })),
  /** Inputs and outputs of the training and the evaluation model besides parameters and gradient buffers. */
  training: Schema.Struct({ inputs: Schema.Array(Tensor), outputs: Schema.Array(Tensor), metrics: Schema.Array(Schema.String) }),
  evaluation: Schema.Struct({ inputs: Schema.Array(Tensor), outputs: Schema.Array(Tensor), metrics: Schema.Array(Schema.String) }),
  /** Inputs to be bound to the same memory as an output, by model. */
  aliases: Schema.Struct({ training: Schema.Array(Alias), optimizer: Schema.Array(Alias) })
})
export type Manifest = typeof Manifest.Type
