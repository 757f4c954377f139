/**
 * Continuous batching over one decoder. Completions wait in a queue; a prompt is prefilled once for all of its
 * completions, whose rows start as copies of it; rows that finish are handed to the next in the queue, and when there
 * is none, the last row moves into the gap and the batch becomes smaller.
 *
 * What a completion contains depends on its prompt, its key, id and index, and the weights, not on what is beside it:
 * but for the rounding of matrix products, whose order of summation follows the number of rows.
 */
import { philox, type RuntimeError } from "@ifrl/runtime"
import { Clock, Effect } from "effect"
import type { Decoder, Drawn, Row } from "./Decoder.ts"
import {
  type Completion, firstRow, type GenerateEvent, type GenerateOptions, type GenerateRequest, type Progress, refusal,
  type StopReason
} from "./Request.ts"
import { RolloutError } from "./RolloutError.ts"

/** A completion in the making. */
interface Sequence extends Row {
  readonly request: GenerateRequest
  readonly index: number
  readonly tokens: Array<number>
  readonly logProbs: Array<number>
  readonly samplingLogProbs: Array<number>
  /** Most tokens it may have. */
  readonly maxTokens: number
}

/** A sequence whose first token is known and whose prompt lies in a row of the decoder's `prompts`. */
interface Ready {
  readonly sequence: Sequence
  readonly prompt: number
}

/**
 * Prompts beyond those that rows are free for are prefilled along up to this many tokens, where products get efficient.
 */
const prefillAhead = 256

const completionOf = (sequence: Sequence, stopReason: StopReason): Completion => ({
  _tag: "Completion",
  promptId: sequence.request.id,
  index: sequence.index,
  tokens: Int32Array.from(sequence.tokens),
  logProbs: Float32Array.from(sequence.logProbs),
  samplingLogProbs: Float32Array.from(sequence.samplingLogProbs),
  stopReason
})

/** One call of `generate` or `stream`. */
export class Generation {
  readonly #decoder: Decoder
  readonly #options: GenerateOptions
  readonly #stop: ReadonlySet<number>
  readonly #greedy: boolean
  readonly #queue: Array<GenerateRequest>
  readonly #total: number
  readonly #running: Array<Sequence> = []
  #ready: Array<Ready> = []
  #completed = 0
  #tokens = 0
  #started: bigint | undefined
  #events: Array<GenerateEvent> = []

  private constructor(decoder: Decoder, requests: ReadonlyArray<GenerateRequest>, options: GenerateOptions) {
    this.#decoder = decoder
    this.#options = options
    this.#stop = new Set(options.stopTokens)
    this.#greedy = options.temperature === 0
    this.#queue = [...requests]
    this.#total = requests.reduce((sum, { count = 1 }) => sum + count, 0)
    decoder.setSampling(options)
  }

  static make(
    decoder: Decoder,
    requests: ReadonlyArray<GenerateRequest>,
    options: GenerateOptions
  ): Effect.Effect<Generation, RolloutError> {
    const { config, maxLength } = decoder.options
    const error = refusal(requests, options, { vocabSize: config.vocabSize, maxLength })
    return error === undefined ? Effect.sync(() => new Generation(decoder, requests, options)) : Effect.fail(error)
  }

  get done(): boolean {
    return this.#completed === this.#total
  }

  /** Fills free rows, decodes one token of every row, and returns what came of it. */
  readonly step = Effect.fnUntraced({ self: this as Generation }, function*() {
    this.#started ??= yield* Clock.currentTimeNanos
    yield* this.#fill(this.#running.length)
    if (this.#running.length > 0) {
      const drawn = yield* this.#decoder.step(this.#running)
      yield* checkFinite(this.#running, drawn, (row) => row)
      const finished = this.#running.flatMap((sequence, row) => {
        sequence.length++
        return this.#accept(sequence, drawn, row) ? [row] : []
      })
      yield* this.#replace(finished)
    }
    const { onProgress } = this.#options
    if (onProgress !== undefined) yield* onProgress(this.#progress(yield* Clock.currentTimeNanos))
    return this.#take()
  })

  /** Ends everything that hasn't ended, as it is. */
  cancel(): ReadonlyArray<GenerateEvent> {
    const waiting = this.#queue.splice(0).flatMap((request) => sequencesOf(request, this.#decoder, this.#greedy))
    for (const sequence of [...this.#running, ...this.#ready.map(({ sequence }) => sequence), ...waiting]) {
      this.#end(sequence, "cancelled")
    }
    return this.#take()
  }

  #take(): ReadonlyArray<GenerateEvent> {
    return [this.#events, this.#events = []][0]!
  }

  #progress(now: bigint): Progress {
    const seconds = Math.max(Number(now - this.#started!), 1) / 1e9
    return {
      completed: this.#completed,
      total: this.#total,
      tokens: this.#tokens,
      tokensPerSecond: this.#tokens / seconds,
      rows: this.#running.length
    }
  }

  #end(sequence: Sequence, reason: StopReason): void {
    this.#completed++
    this.#events.push(completionOf(sequence, reason))
  }

  /** Appends draw `at` to a sequence; true if that ends it. */
  #accept(sequence: Sequence, drawn: Drawn, at: number): boolean {
    const token = Number(drawn.tokens[at]!)
    const logProb = drawn.logProbs[at]!
    const samplingLogProb = drawn.samplingLogProbs[at]!
    const { index, request, tokens } = sequence
    const position = tokens.length
    this.#events.push({ _tag: "Token", promptId: request.id, index, position, token, logProb, samplingLogProb })
    this.#tokens++
    tokens.push(token)
    sequence.logProbs.push(logProb)
    sequence.samplingLogProbs.push(samplingLogProb)
    sequence.next = token
    sequence.drawn++
    const reason = this.#stop.has(token) ? "stop" : tokens.length === sequence.maxTokens ? "length" : undefined
    if (reason !== undefined) this.#end(sequence, reason)
    return reason !== undefined
  }

  /** Hands rows that have finished to the next in line, and closes the gaps that remain. */
  readonly #replace = Effect.fnUntraced({ self: this as Generation }, function*(finished: ReadonlyArray<number>) {
    const gaps = [...finished]
    while (gaps.length > 0) {
      const next = yield* this.#next(gaps.length)
      if (next === undefined) break
      this.#place(next, gaps.shift()!)
    }
    for (const gap of gaps.toReversed()) {
      const last = this.#running.pop()!
      if (gap === this.#running.length) continue
      this.#decoder.cache.copy(this.#decoder.cache, this.#running.length, gap, last.length)
      this.#running[gap] = last
    }
  })

  /** Starts sequences in the rows from `row` on. */
  readonly #fill = Effect.fnUntraced({ self: this as Generation }, function*(from: number) {
    for (let row = from; row < this.#decoder.options.rows; row++) {
      const next = yield* this.#next(this.#decoder.options.rows - row)
      if (next === undefined) return
      this.#place(next, row)
    }
  })

  #place({ prompt, sequence }: Ready, row: number): void {
    const { cache, prompts } = this.#decoder
    // A finished sequence in `row` keeps its length until here, which is harmless: it is only moved along.
    this.#decoder.fit(this.#running, sequence.length)
    this.#running[row] = sequence
    cache.copy(prompts, prompt, row, sequence.length)
  }

  /** The next sequence to start, prefilling prompts for up to `rows` of them when none is ready. */
  readonly #next = Effect.fnUntraced({ self: this as Generation }, function*(rows: number) {
    while (this.#ready.length === 0 && this.#queue.length > 0) yield* this.#prefill(rows)
    return this.#ready.shift()
  })

  readonly #prefill = Effect.fnUntraced({ self: this as Generation }, function*(rows: number) {
    const { prefillTokens } = this.#decoder.options
    const batch: Array<GenerateRequest> = []
    let [longest, sequences] = [0, 0]
    for (const request of this.#queue) {
      longest = Math.max(longest, request.promptTokens.length)
      const tokens = (batch.length + 1) * longest
      if (batch.length > 0 && (tokens > prefillTokens || sequences >= rows && tokens > prefillAhead)) break
      batch.push(request)
      sequences += request.count ?? 1
    }
    this.#queue.splice(0, batch.length)
    const draws = Math.max(...batch.map(({ count = 1 }) => count))
    const groups = batch.map((request) => sequencesOf(request, this.#decoder, this.#greedy))
    const uniforms = new Float32Array(batch.length * draws * 2)
    groups.forEach((group, row) =>
      group.forEach((sequence, i) => uniforms.set(sequence.uniforms.subarray(0, 2), 2 * (row * draws + i))))
    const drawn = yield* this.#decoder.prefill(batch.map(({ promptTokens }) => promptTokens), draws, uniforms)
    for (const [prompt, group] of groups.entries()) {
      const at = (i: number) => prompt * draws + i
      yield* checkFinite(group, drawn, at)
      group.forEach((sequence, i) => {
        if (!this.#accept(sequence, drawn, at(i))) this.#ready.push({ sequence, prompt })
      })
    }
  })
}

const sequencesOf = (request: GenerateRequest, decoder: Decoder, greedy: boolean): Array<Sequence> => {
  const length = request.promptTokens.length
  const maxTokens = Math.min(request.maxTokens, decoder.options.maxLength - length)
  const row = firstRow(request.id)
  return Array.from({ length: request.count ?? 1 }, (_, index): Sequence => ({
    request,
    index,
    tokens: [],
    logProbs: [],
    samplingLogProbs: [],
    maxTokens,
    length,
    limit: length + maxTokens,
    next: 0,
    uniforms: greedy
      ? new Float32Array(2 * maxTokens)
      : philox({ ...request.key, row: (row + index) % 2 ** 32 }, 2 * maxTokens),
    drawn: 0
  }))
}

/** Fails for the first sequence whose draw has no finite log-probability. */
const checkFinite = (sequences: ReadonlyArray<Sequence>, drawn: Drawn, at: (i: number) => number) => {
  const finite = (i: number) => Number.isFinite(drawn.logProbs[i]) && Number.isFinite(drawn.samplingLogProbs[i])
  const bad = sequences.find((_, i) => !finite(at(i)))
  return bad === undefined ? Effect.void : Effect.fail(new RolloutError({
    operation: "run",
    subject: `${JSON.stringify(bad.request.id)}, completion ${bad.index}, token ${bad.tokens.length}`,
    reason: "its log-probability is not finite",
    remedy: "Check that all weights are finite: training may have diverged"
  }))
}

/** A failed run, as this package reports it. */
export const runFailed = (cause: RuntimeError): RolloutError =>
  new RolloutError({ operation: "run", subject: cause.session, reason: cause.message, remedy: cause.remedy, cause })
