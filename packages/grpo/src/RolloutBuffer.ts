// What a step has collected, as one file: a run that ends before it has learnt from a rollout finds it again, with the
// rewards as they were given, whatever the judge would say a second time.
import { createHash } from "node:crypto"
import { Cursor, PromptRow } from "@ifrl/curriculum"
import { type ModelError, readSafetensors, writeSafetensors } from "@ifrl/models"
import { Tensor } from "@ifrl/runtime"
import { Effect, FileSystem, Schema } from "effect"
import type { Collected, Episode } from "./Grpo.ts"

/** What a buffer belongs to: the step that it is for, and a hash of everything that decided how it came about. */
export interface BufferKey {
  readonly step: number
  readonly fingerprint: string
}

/** Everything but the numbers of one token each, which are tensors. */
const Records = Schema.Struct({
  version: Schema.Literal(1),
  step: Schema.Int,
  fingerprint: Schema.String,
  cursor: Cursor,
  metrics: Schema.Record(Schema.String, Schema.Number),
  rows: Schema.Array(PromptRow),
  episodes: Schema.Array(Schema.Struct({
    row: Schema.Int,
    promptLength: Schema.Int,
    length: Schema.Int,
    promptId: Schema.String,
    index: Schema.Int,
    stopReason: Schema.Literals(["stop", "length", "cancelled"]),
    text: Schema.String,
    reward: Schema.Unknown,
    shaping: Schema.Number,
    advantage: Schema.Number
  }))
})

const concat = <A extends Int32Array | Float32Array>(type: "int32" | "float32", parts: ReadonlyArray<A>) => {
  const size = parts.reduce((n, part) => n + part.length, 0)
  const tensor = Tensor.zeros(type, [size])
  let at = 0
  for (const part of parts) {
    tensor.data.set(part as never, at)
    at += part.length
  }
  return tensor
}

const digestOf = (records: string, tensors: Iterable<readonly [string, Tensor]>): string => {
  const hash = createHash("sha256").update(records)
  for (const [, tensor] of tensors) hash.update(tensor.bytes)
  return hash.digest("hex")
}

/** Write a rollout under `file`, which appears only when it is whole. */
export const writeRollout = (
  file: string,
  { fingerprint, step }: BufferKey,
  { cursor, episodes, metrics }: Collected
): Effect.Effect<void, ModelError, FileSystem.FileSystem> => {
  const rows = [...new Set(episodes.map((episode) => episode.row))]
  const records: typeof Records.Type = {
    version: 1,
    step,
    fingerprint,
    cursor,
    metrics,
    rows,
    episodes: episodes.map(({ advantage, completion, promptTokens, reward, row, shaping, text }) => ({
      row: rows.indexOf(row),
      promptLength: promptTokens.length,
      length: completion.tokens.length,
      promptId: completion.promptId,
      index: completion.index,
      stopReason: completion.stopReason,
      text,
      reward,
      shaping,
      advantage
    }))
  }
  const tensors = new Map<string, Tensor>([
    ["prompt_tokens", concat("int32", episodes.map((e) => e.promptTokens))],
    ["tokens", concat("int32", episodes.map((e) => e.completion.tokens))],
    ["log_probs", concat("float32", episodes.map((e) => e.completion.logProbs))],
    ["sampling_log_probs", concat("float32", episodes.map((e) => e.completion.samplingLogProbs))]
  ])
  const text = JSON.stringify(records)
  return writeSafetensors(file, tensors, { metadata: { rollout: text, sha256: digestOf(text, tensors) } })
}

/**
 * The rollout in `file` when it is that of `key`; undefined when there is none, when it is another's, or when it is not
 * what was written: a rollout can always be made again.
 */
export const readRollout = Effect.fnUntraced(function*(file: string, key: BufferKey) {
  const fs = yield* FileSystem.FileSystem
  if (!(yield* fs.exists(file).pipe(Effect.orElseSucceed(() => false)))) return undefined
  return yield* readSafetensors(file).pipe(
    Effect.flatMap(({ metadata, tensors }) =>
      Schema.decodeUnknownEffect(Schema.fromJsonString(Records))(metadata.rollout).pipe(
        Effect.map((records) =>
          records.step === key.step && records.fingerprint === key.fingerprint &&
            metadata.sha256 === digestOf(metadata.rollout!, tensors)
            ? restore(records, tensors)
            : undefined
        )
      )
    ),
    Effect.orElseSucceed(() => undefined)
  )
})

const restore = (records: typeof Records.Type, tensors: ReadonlyMap<string, Tensor>): Collected => {
  type Entry = (typeof records.episodes)[number]
  const cut = <A extends Int32Array | Float32Array>(name: string, lengthOf: (entry: Entry) => number) => {
    let at = 0
    return records.episodes.map((e) => {
      const from = at
      at += lengthOf(e)
      return (tensors.get(name)!.data as unknown as A).slice(from, at) as A
    })
  }
  const prompts = cut<Int32Array>("prompt_tokens", (e) => e.promptLength)
  const tokens = cut<Int32Array>("tokens", (e) => e.length)
  const logProbs = cut<Float32Array>("log_probs", (e) => e.length)
  const samplingLogProbs = cut<Float32Array>("sampling_log_probs", (e) => e.length)
  return {
    cursor: records.cursor,
    metrics: records.metrics,
    episodes: records.episodes.map((e, i): Episode => ({
      row: records.rows[e.row]!,
      promptTokens: prompts[i]!,
      completion: {
        _tag: "Completion",
        promptId: e.promptId,
        index: e.index,
        tokens: tokens[i]!,
        logProbs: logProbs[i]!,
        samplingLogProbs: samplingLogProbs[i]!,
        stopReason: e.stopReason
      },
      text: e.text,
      reward: e.reward as Episode["reward"],
      shaping: e.shaping,
      advantage: e.advantage
    }))
  }
}
