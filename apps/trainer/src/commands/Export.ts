// `ifrl export`: a model, with an adapter merged into it if asked, for transformers.js, Optimum, vLLM and Python.
import { exportModel, loadAdapter, loadModel, mergeAdapter, Model, saveModel } from "@ifrl/models"
import { Runtime } from "@ifrl/runtime"
import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { CommandError } from "../CommandError.ts"
import { embedded } from "../Config.ts"
import { fetchModel, modelDirectory } from "../ModelFolder.ts"
import { printResult } from "../Output.ts"

const dtypes = { fp32: ["fp32"], fp16: ["fp16"], both: ["fp32", "fp16"], none: [] } as const

const flags = {
  model: Flag.String("model").pipe(Flag.withDefault(embedded), Flag.withDescription("Hugging Face model folder, or owner/name[@revision] of its Hub")),
  adapter: Flag.String("adapter").pipe(
    Flag.withMetavar("folder"),
    Flag.optional,
    Flag.withDescription("Adapter in PEFT's format to merge into the model first")
  ),
  out: Flag.String("out").pipe(Flag.withMetavar("folder"), Flag.withDescription("Folder to write, made where it is missing")),
  onnx: Flag.Literals("onnx", ["fp32", "fp16", "both", "none"] as const).pipe(
    Flag.withDefault("fp32"),
    Flag.withDescription("Element types of onnx/model.onnx and onnx/model_fp16.onnx")
  ),
  weights: Flag.Literals("weights", ["none", "float32", "float16", "bfloat16"] as const).pipe(
    Flag.withDefault("none"),
    Flag.withDescription("Also write model.safetensors in this element type, for Python and vLLM")
  ),
  externalData: Flag.Boolean("external-data").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Put the weights beside model.onnx in any case, not only beyond 2 GiB")
  )
}

export const exportCommand = Command.make("export", flags, (input) =>
  Effect.gen(function*() {
    if (input.onnx === "none" && input.weights === "none") {
      return yield* new CommandError({
        operation: "export",
        subject: "--onnx none",
        reason: "leaves nothing to write",
        remedy: "give --weights float32, float16 or bfloat16, or another --onnx"
      })
    }
    yield* fetchModel(input.model)
    const loaded = yield* loadModel(modelDirectory(input.model))
    const adapter = Option.getOrUndefined(input.adapter)
    const model = adapter === undefined ? loaded : new Model({
      ...loaded,
      parameters: yield* loadAdapter(adapter, loaded.config).pipe(
        Effect.flatMap((found) => mergeAdapter(loaded.parameters, found)),
        Effect.provide(Runtime.layer())
      )
    })
    const files = dtypes[input.onnx].length === 0 ? [] : yield* exportModel(input.out, model, {
      dtypes: dtypes[input.onnx],
      ...(input.weights !== "none" && { weights: input.weights }),
      ...(input.externalData && { externalData: true })
    })
    if (files.length === 0 && input.weights !== "none") yield* saveModel(input.out, model, { dtype: input.weights })
    const lines = files.map(({ bytes, name }) => `${name.padEnd(26)} ${(bytes / 1e6).toFixed(1).padStart(9)} MB`)
    yield* printResult(
      { directory: input.out, adapter: adapter ?? null, files, weights: input.weights },
      [`written to ${input.out}`, ...lines, ...(input.weights === "none" ? [] : [`model.safetensors          ${input.weights}`])].join("\n")
    )
  })).pipe(Command.withDescription("Write a model for transformers.js, Optimum and Python, an adapter merged in if asked"))
