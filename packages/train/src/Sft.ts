// Supervised fine-tuning on completions: the same micro-batches, policy and loop as reinforcement learning. The loss is
// the mean over all completion tokens of an update, however the rows are packed.
import { type ChatMessage, type ChatTokenizer, continuationOf } from "@ifrl/models"
import { permutation } from "@ifrl/runtime"
import { Effect, Schema } from "effect"
import { learningRate, type LearningRateSchedule } from "./LearningRate.ts"
import type { MetricRecord } from "./Metrics.ts"
import { completionLength, packMicroBatches, type PackOptions, type TrainingRow } from "./MicroBatch.ts"
import { Policy } from "./Policy.ts"
import { TrainError } from "./TrainError.ts"

/** One conversation to learn from: the last message is the assistant's. */
export const Conversation = Schema.Struct({
  id: Schema.optionalKey(Schema.String),
  messages: Schema.Array(Schema.Struct({ role: Schema.String, content: Schema.String }))
})
export type Conversation = typeof Conversation.Type

/** A conversation as tokens; the weights are given when it joins an update. */
export interface SupervisedRow {
  readonly id: string
  readonly tokens: Int32Array
  readonly promptLength: number
}

/**
 * Tokens of a conversation: the template's prompt up to where the assistant begins, then the answer and the
 * token that ends it, exactly what generation would have had to produce. A template that ends the prompt inside a thought has
 * begun the answer; the rest of it is learnt.
 *
 * @throws TrainError when the last message is not the assistant's, when the prompt opens a thought and the answer has none
 * (or the other way round), when the tokenizer has no end token, or when prompt and answer exceed `maxLength`
 */
export const supervisedRow = (
  conversation: { readonly id: string; readonly messages: ReadonlyArray<ChatMessage> },
  tokenizer: ChatTokenizer,
  maxLength: number
): SupervisedRow => {
  const { id, messages } = conversation
  const answer = messages.at(-1)
  const refuse = (reason: string, remedy: string) => {
    throw new TrainError({ operation: "sft", subject: id, reason, remedy })
  }
  if (answer?.role !== "assistant" || messages.length < 2) {
    return refuse("the conversation does not end with an assistant's answer", "give a user message and then the answer")
  }
  const end = tokenizer.endId
  if (end === undefined) {
    return refuse("the tokenizer has no token that ends an answer", "name eos_token_id in generation_config.json or config.json")
  }
  const text = tokenizer.renderChat(messages.slice(0, -1), { addGenerationPrompt: true })
  const rest = continuationOf(text, answer.content)
  if (rest === undefined) {
    return refuse(
      `the chat template ends the prompt with ${JSON.stringify(text.slice(-20))} and the answer does not go on from there`,
      "begin every answer with <think>...</think>, or none and give the model a template that opens no thought"
    )
  }
  const prompt = tokenizer.encode(text)
  const completion = tokenizer.encode(rest)
  const length = prompt.length + completion.length + 1
  if (length > maxLength) {
    return refuse(`${length} tokens do not fit into ${maxLength}`, "shorten or drop it, or raise the longest sequence")
  }
  return { id, tokens: Int32Array.of(...prompt, ...completion, end), promptLength: prompt.length }
}

export interface SftOptions {
  readonly rows: ReadonlyArray<SupervisedRow>
  /** Rows of one optimizer update. */
  readonly rowsPerStep: number
  readonly seed: number
  readonly steps: number
  readonly microBatch: PackOptions
  readonly learningRate: number
  readonly schedule: LearningRateSchedule
  readonly maxGradNorm: number
  /** A gradient longer than this skips its update; 0 or nothing for no limit. */
  readonly skipGradNorm?: number
}

/** The rows of step `step` (from 1): passes over the data, each in an order of its own, cut into steps. */
export const supervisedBatch = (options: SftOptions, step: number): ReadonlyArray<SupervisedRow> => {
  const n = options.rows.length
  const from = (step - 1) * options.rowsPerStep
  const orders = new Map<number, Uint32Array>()
  return Array.from({ length: options.rowsPerStep }, (_, i) => {
    const pass = Math.floor((from + i) / n)
    const order = orders.get(pass) ?? permutation({ seed: options.seed, step: pass, row: 0 }, n)
    orders.set(pass, order)
    return options.rows[order[(from + i) % n]!]!
  })
}

/** Rows weighted so that the loss is the mean over all of their completion tokens. */
export const tokenMeanRows = (rows: ReadonlyArray<SupervisedRow>): Array<TrainingRow> => {
  const bare = rows.map((row) => ({ ...row, fields: {} }))
  const tokens = bare.reduce((sum, row) => sum + completionLength(row), 0)
  return bare.map((row) => ({ ...row, fields: { weights: new Float32Array(completionLength(row)).fill(1 / tokens) } }))
}

/** Gradient and optimizer update of one step. */
export const sftUpdate = Effect.fn("sft.update")(function*(
  options: SftOptions,
  step: number,
  rows: ReadonlyArray<SupervisedRow>
) {
  const policy = yield* Policy
  const batches = packMicroBatches(tokenMeanRows(rows), options.microBatch)
  const outputs = yield* Effect.forEach(batches, (batch) => policy.accumulate(batch))
  const rate = learningRate(options.learningRate, options.schedule, step, options.steps)
  const { maxGradNorm, skipGradNorm = 0 } = options
  const { applied, gradNorm } = yield* policy.update({ learningRate: rate, maxGradNorm, skipGradNorm })
  return {
    loss: outputs.reduce((sum, output) => sum + output.loss, 0),
    grad_norm: gradNorm,
    updates: applied ? 1 : 0,
    skipped_updates: applied ? 0 : 1,
    learning_rate: rate,
    num_tokens: rows.reduce((sum, row) => sum + row.tokens.length, 0)
  } satisfies MetricRecord
})

/** Mean loss per completion token over all rows, in nats, without training on them. */
export const validationLoss = Effect.fn("sft.validationLoss")(function*(
  rows: ReadonlyArray<SupervisedRow>,
  microBatch: PackOptions
) {
  const policy = yield* Policy
  const batches = packMicroBatches(tokenMeanRows(rows), microBatch)
  const outputs = yield* Effect.forEach(batches, (batch) => policy.evaluate(batch))
  return outputs.reduce((sum, output) => sum + output.loss, 0)
})
