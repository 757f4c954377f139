// Log-probs of completions under the weights that a run starts from, of the model's own distribution: the artifacts of the run
// evaluate at its sampling temperature, and rewards must not depend on that.
import { lmHeadLogProbs } from "@ifrl/artifacts"
import type { PromptRow } from "@ifrl/curriculum"
import { type DecoderConfig, decoderGraph } from "@ifrl/models"
import { encodeModel, toModel } from "@ifrl/onnx"
import type { RewardSample } from "@ifrl/reward"
import { Runtime, Tensor } from "@ifrl/runtime"
import { packMicroBatches, type PackOptions, unpackCompletions } from "@ifrl/train"
import { Effect } from "effect"

export interface ReferenceOptions<E> {
  readonly config: DecoderConfig
  readonly parameters: ReadonlyMap<string, Tensor>
  /** Tokens of prompt and completion together, at most. */
  readonly maxLength: number
  readonly microBatch: PackOptions
  /** The prompt's tokens, as they were sampled from. */
  readonly encode: (row: PromptRow) => Effect.Effect<Int32Array, E>
}

/** Log-probs [B, T] in nats of `labels` [B, T] after `input_ids` [B, T]. */
const scoringGraph = (config: DecoderConfig, maxLength: number): Uint8Array => {
  const { graph, head, hidden } = decoderGraph(config, { maxLength })
  const labels = graph.input("labels", "int64", ["B", "T"])
  const { logProbs } = lmHeadLogProbs(graph, {
    hidden: graph.op("Reshape", [hidden, graph.constant("int64", [-1, config.hiddenSize])]),
    weight: head,
    labels: graph.op("Reshape", [labels, graph.constant("int64", [-1])])
  })
  graph.output(graph.op("Reshape", [logProbs, graph.op("Shape", [labels])]), "log_probs")
  return encodeModel(toModel(graph))
}

/** What gives the log-probs of each sample's tokens, in nats, for as long as the scope lives. */
export const referenceLogProbs = Effect.fn("referenceLogProbs")(function*<E>(options: ReferenceOptions<E>) {
  const { config, encode, maxLength, microBatch } = options
  const runtime = yield* Runtime
  const session = yield* runtime.session(scoringGraph(config, maxLength), { name: "reference" })
  const parameters = Object.fromEntries(options.parameters)
  return Effect.fnUntraced(function*(samples: ReadonlyArray<RewardSample>) {
    const rows = yield* Effect.forEach(samples, ({ completion, id, row }) =>
      Effect.map(encode(row), (prompt) => ({
        id,
        tokens: Int32Array.of(...prompt, ...Array.from(completion?.tokens ?? [])),
        promptLength: prompt.length,
        fields: {}
      })))
    const batches = packMicroBatches(rows, microBatch)
    const outputs = yield* Effect.forEach(batches, ({ B, T, inputIds, labels }) =>
      session.run({
        ...parameters,
        input_ids: Tensor.from("int64", [B, T], inputIds),
        labels: Tensor.from("int64", [B, T], labels)
      }))
    return unpackCompletions(rows, batches, outputs.map(({ log_probs }) => Float32Array.from(log_probs!.data, Number)))
  })
})
