/** What is asked for, what comes back, and what is refused. */
import type { Effect } from "effect"
import { RolloutError } from "./RolloutError.ts"
import type { Sampling } from "./Sampling.ts"

/** Asks for `count` completions of one prompt. */
export interface GenerateRequest {
  /** Unique within a call; completions carry it, and their randomness depends on it. */
  readonly id: string
  /** At least one token. */
  readonly promptTokens: Int32Array
  /** G, completions of this prompt. Default 1. */
  readonly count?: number
  /** Most tokens of a completion, the stop token included. The context limits it further. */
  readonly maxTokens: number
  /** Randomness: the same key, id and index give the same draws, whatever else is generated beside. */
  readonly key: { readonly seed: number; readonly step: number }
}

export interface GenerateOptions extends Sampling {
  /** Tokens that end a completion. Default none. */
  readonly stopTokens?: ReadonlyArray<number>
  /**
   * Generation ends early, with what there is, when this effect completes. It is interrupted when generation ends
   * first.
   */
  readonly until?: Effect.Effect<unknown>
  /** Called after every step. */
  readonly onProgress?: (progress: Progress) => Effect.Effect<void>
}

export interface Progress {
  /** Completions that have ended, of how many. */
  readonly completed: number
  readonly total: number
  /** Tokens generated so far, and how many a second, prefill included. */
  readonly tokens: number
  readonly tokensPerSecond: number
  /** Rows that decode at the moment. */
  readonly rows: number
}

/** `stop`: a stop token came; `length`: maxTokens or the context was reached; `cancelled`: `until` completed first. */
export type StopReason = "stop" | "length" | "cancelled"

export interface Completion {
  readonly _tag: "Completion"
  readonly promptId: string
  /** 0 to count - 1. */
  readonly index: number
  /** The stop token included. */
  readonly tokens: Int32Array
  /**
   * Log-probability of each token at temperature 1 over the whole vocabulary: what training calls the old log-probs.
   */
  readonly logProbs: Float32Array
  /** Log-probability of each token under the distribution it was sampled from; 0 where the choice was greedy. */
  readonly samplingLogProbs: Float32Array
  readonly stopReason: StopReason
}

/** A token as it comes. */
export interface TokenEvent {
  readonly _tag: "Token"
  readonly promptId: string
  readonly index: number
  /** 0 for the first token of the completion. */
  readonly position: number
  readonly token: number
  readonly logProb: number
  readonly samplingLogProb: number
}

export type GenerateEvent = TokenEvent | Completion

/** The row of the generator that a request's first completion draws from; the others follow. FNV-1a, then mixed. */
export const firstRow = (id: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}

interface Limits {
  readonly vocabSize: number
  readonly maxLength: number
}

type Check<A> = readonly [
  fails: (value: A, limits: Limits) => boolean,
  reason: (value: A, limits: Limits) => string,
  remedy: string
]

const isCount = (x: number) => Number.isSafeInteger(x) && x >= 1
const isSeed = (x: number) => Number.isSafeInteger(x) && x >= 0
const outside = ({ promptTokens }: GenerateRequest, { vocabSize }: Limits) =>
  promptTokens.findIndex((token) => token < 0 || token >= vocabSize)

const requestChecks: ReadonlyArray<Check<GenerateRequest>> = [
  [({ promptTokens }) => promptTokens.length === 0, () => "the prompt is empty", "Give at least one token"],
  [
    ({ promptTokens }, { maxLength }) => promptTokens.length >= maxLength,
    ({ promptTokens: { length } }, { maxLength }) => `the prompt has ${length} tokens and the context holds ${maxLength}`,
    "Shorten the prompt, leaving room for at least one token, or give the layer a larger maxLength"
  ],
  [
    (request, limits) => outside(request, limits) !== -1,
    (request, limits) => {
      const at = outside(request, limits)
      return `token ${request.promptTokens[at]} at position ${at} is not below the vocabulary size ${limits.vocabSize}`
    },
    "Encode the prompt with the model's own tokenizer"
  ],
  [({ count = 1 }) => !isCount(count), ({ count }) => `count is ${count}`, "Ask for 1 or more completions"],
  [({ maxTokens }) => !isCount(maxTokens), ({ maxTokens }) => `maxTokens is ${maxTokens}`, "Allow 1 or more tokens"],
  [
    ({ key }) => !isSeed(key.seed) || !isSeed(key.step),
    ({ key }) => `the key is seed ${key.seed}, step ${key.step}`,
    "Use integers from 0 on"
  ]
]

const samplingChecks: Readonly<Record<string, Check<GenerateOptions>>> = {
  temperature: [
    ({ temperature: t = 1 }) => !(t === 0 || t >= 1e-3 && t <= 1e3),
    ({ temperature }) => `${temperature} is no temperature`,
    "Use 0 for greedy choice, else 0.001 to 1000"
  ],
  topK: [
    ({ topK = 0 }) => !Number.isSafeInteger(topK) || topK < 0,
    ({ topK }) => `${topK} is no number of tokens`,
    "Use an integer from 1 on, or 0 to keep all"
  ],
  topP: [
    ({ topP = 1 }) => !(topP > 0 && topP <= 1),
    ({ topP }) => `${topP} is outside (0, 1]`,
    "Use 1 to keep all tokens"
  ],
  minP: [
    ({ minP = 0 }) => !(minP >= 0 && minP <= 1),
    ({ minP }) => `${minP} is outside [0, 1]`,
    "Use 0 to keep all tokens"
  ],
  stopTokens: [
    ({ stopTokens = [] }, { vocabSize }) => stopTokens.some((t) => !Number.isSafeInteger(t) || t < 0 || t >= vocabSize),
    ({ stopTokens }, { vocabSize }) => `[${stopTokens}] has an id that is not in 0..${vocabSize - 1}`,
    "Take the ids from the model's own tokenizer"
  ]
}

/** The first thing wrong with a call, or undefined. */
export const refusal = (
  requests: ReadonlyArray<GenerateRequest>,
  options: GenerateOptions,
  limits: Limits
): RolloutError | undefined => {
  const error = (operation: string, subject: string, reason: string, remedy: string) =>
    new RolloutError({ operation, subject, reason, remedy })
  for (const [name, [fails, reason, remedy]] of Object.entries(samplingChecks)) {
    if (fails(options, limits)) return error("sampling", name, reason(options, limits), remedy)
  }
  const ids = new Set<string>()
  for (const request of requests) {
    const subject = JSON.stringify(request.id)
    for (const [fails, reason, remedy] of requestChecks) {
      if (fails(request, limits)) return error("request", subject, reason(request, limits), remedy)
    }
    if (ids.has(request.id)) {
      return error("request", subject, "the id was given twice", "Give each request its own id; count asks for several")
    }
    ids.add(request.id)
  }
  return undefined
}
