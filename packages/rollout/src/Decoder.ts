/**
 * The decode step as the host drives it: sessions, the caches of running rows and of prompts, and the small tensors
 * that carry tokens in and out. Memory is bound once; a binding changes only when the number of rows or the cache's S
 * does.
 */
import { type DecoderConfig, joinParameters, type LoraShape } from "@ifrl/models"
import { encodeModel } from "@ifrl/onnx"
import {
  type Binding, type Io, Runtime, type RuntimeError, type Session, type SessionOptions, Tensor
} from "@ifrl/runtime"
import { Effect, type Scope } from "effect"
import { Cache, capacityFor } from "./Cache.ts"
import { cacheNames, generateGraph } from "./GenerateGraph.ts"
import type { Projection } from "./Projection.ts"
import { RolloutError } from "./RolloutError.ts"
import type { Sampling } from "./Sampling.ts"

export interface DecoderOptions {
  readonly config: DecoderConfig
  /** By Hugging Face's names. What is written into them between runs is what the next run reads. */
  readonly parameters: ReadonlyMap<string, Tensor>
  /** The adapter whose tensors are among the parameters. */
  readonly lora?: LoraShape | undefined
  /** Most rows that decode at once. */
  readonly rows: number
  /** Most tokens of a row, prompt included. */
  readonly maxLength: number
  /** Most tokens of a prefill run, over its rows and their padding. */
  readonly prefillTokens: number
  readonly session: SessionOptions
}

/** A row on its way. */
export interface Row {
  /** Tokens in the cache. */
  length: number
  /** The token to feed next. */
  next: number
  /** Most tokens that the cache will ever hold for it. */
  readonly limit: number
  /** Two uniforms for the token after `next`, at `2 * drawn`. */
  readonly uniforms: Float32Array
  drawn: number
}

/** Sampled tokens and their log-probabilities, [B, G] row by row; overwritten by the next run. */
export interface Drawn {
  readonly tokens: BigInt64Array
  readonly logProbs: Float32Array
  readonly samplingLogProbs: Float32Array
}

/** From and up to this many tokens in a run W x^T beats x W^T on CPU. */
const columns = { from: 4, to: 128 }

/** Most attention scores of one head that a prefill run holds at once. */
const prefillScores = 2 ** 20

const cacheTypes = ["float32", "float16", "bfloat16"] as const

const elementTypeOf = ({ parameters }: DecoderOptions) =>
  Effect.suspend(() => {
    const type = parameters.get("model.embed_tokens.weight")?.type ?? "float32"
    const known = cacheTypes.find((name) => name === type)
    return known === undefined
      ? Effect.fail(new RolloutError({
        operation: "layer",
        subject: "model.embed_tokens.weight",
        reason: `weights of ${type} can't be decoded with`,
        remedy: `Convert them to ${cacheTypes.join(", ")}`
      }))
      : Effect.succeed(known)
  })

/** The bindings of one projection: one for prompts, and one for running rows with the shape that it has at the moment. */
interface Bound {
  readonly prefill: Binding
  readonly step: Binding
  rows: number
  capacity: number
}

export class Decoder {
  readonly options: DecoderOptions
  readonly cache: Cache
  /** Prompts that were prefilled last, a row each. */
  readonly prompts: Cache
  readonly #scalars = {
    temperature: Tensor.scalar("float32", 1),
    top_k: Tensor.scalar("int64", 0),
    top_p: Tensor.scalar("float32", 1),
    min_p: Tensor.scalar("float32", 0)
  }
  readonly #step: StepTensors
  /** By the names of the graphs. */
  readonly #parameters: ReadonlyMap<string, Tensor>
  readonly #bound = new Map<Projection, Bound>()

  private constructor(options: DecoderOptions, type: typeof cacheTypes[number], parameters: ReadonlyMap<string, Tensor>) {
    this.options = options
    this.#parameters = parameters
    this.cache = new Cache(options.config, options.rows * options.maxLength, type)
    this.prompts = new Cache(options.config, Math.max(options.prefillTokens, options.maxLength), type)
    this.#step = stepTensors(options.rows, 1, 1)
  }

  static readonly make = (
    options: DecoderOptions
  ): Effect.Effect<Decoder, RolloutError | RuntimeError, Runtime | Scope.Scope> =>
    Effect.gen(function*() {
      const runtime = yield* Runtime
      const elementType = yield* elementTypeOf(options)
      const { config, lora, maxLength, rows } = options
      const joint = lora === undefined ? joinParameters(config, options.parameters) : undefined
      const decoder = new Decoder(options, elementType, joint ?? options.parameters)
      const both = rows >= columns.from && runtime.device === "cpu"
      const forms: ReadonlyArray<Projection> = both ? ["rows", "columns"] : ["rows"]
      const sessionOf = (projection: Projection, single: boolean) => {
        const graph = generateGraph(config, { elementType, joint: joint !== undefined, lora, maxLength, projection, single })
        const name = `${single ? "generate" : "prefill"} (${projection})`
        return runtime.session(encodeModel(graph), { name, inline: true, ...options.session })
      }
      const onePrompt = ofPrompts(stepTensors(1, 1, 1))
      for (const projection of forms) {
        decoder.#bound.set(projection, {
          prefill: yield* decoder.#bind(yield* sessionOf(projection, false), decoder.prompts, onePrompt),
          step: yield* decoder.#bind(yield* sessionOf(projection, true), decoder.cache, decoder.#step.io(1)),
          rows: 1,
          capacity: 1
        })
      }
      return decoder
    })

  /** The bindings that are fastest for runs of so many tokens. */
  #bindings(tokens: number): Bound {
    const bound = tokens >= columns.from && tokens <= columns.to ? this.#bound.get("columns") : undefined
    return bound ?? this.#bound.get("rows")!
  }

  /** Attaches everything to a session, for one row of one token. */
  #bind(session: Session, cache: Cache, io: Io) {
    cache.capacity = 1
    return session.bind(merge(
      { inputs: { ...Object.fromEntries(this.#parameters), ...this.#scalars } },
      io,
      this.#caches(cache, 1)
    ))
  }

  #caches(cache: Cache, rows: number): Io {
    const views = cache.views(0, rows)
    const names = cacheNames(this.options.config.layers)
    return {
      inputs: Object.fromEntries(names.map(({ past }, i) => [past, views[i]!])),
      outputs: Object.fromEntries(names.map(({ present }, i) => [present, views[i]!]))
    }
  }

  /** Sets how all following runs sample. */
  setSampling({ minP = 0, temperature = 1, topK = 0, topP = 1 }: Sampling): void {
    this.#scalars.temperature.data[0] = temperature
    this.#scalars.top_k.data[0] = BigInt(topK)
    this.#scalars.top_p.data[0] = topP
    this.#scalars.min_p.data[0] = minP
  }

  /**
   * Puts prompts into `prompts`, a row each, and samples `draws` first tokens of each, [B, G]. `uniforms` holds two for
   * every draw. Prompts longer than a run may take go in slice by slice.
   */
  readonly prefill = Effect.fnUntraced(
    { self: this as Decoder },
    function*(prompts: ReadonlyArray<Int32Array>, draws: number, uniforms: Float32Array) {
      const B = prompts.length
      const longest = Math.max(...prompts.map((prompt) => prompt.length))
      const perRow = Math.min(this.options.prefillTokens, prefillScores / longest) / B
      const slice = Math.max(1, Math.min(longest, Math.floor(perRow)))
      this.prompts.capacity = longest
      const caches = this.#caches(this.prompts, B)
      const result = stepTensors(B, slice, draws)
      result.uniforms.data.set(uniforms)
      for (let from = 0; from < longest; from += slice) {
        const T = Math.min(slice, longest - from)
        const run = stepTensors(B, T, draws)
        run.uniforms.data.set(uniforms)
        prompts.forEach((prompt, row) => {
          for (let t = 0; t < T; t++) run.ids.data[row * T + t] = BigInt(prompt[from + t] ?? 0)
          run.past.data[row] = BigInt(from)
          run.last.data[row] = BigInt(Math.max(0, Math.min(prompt.length - 1 - from, T - 1)))
        })
        const { prefill } = this.#bindings(B * T)
        yield* prefill.rebind(merge(ofPrompts(run), caches))
        yield* prefill.run
        // A prompt's first tokens come out of the run that holds its last token.
        prompts.forEach(({ length }, row) => {
          if (length <= from || length > from + T) return
          for (const name of ["tokens", "logProbs", "samplingLogProbs"] as const) {
            const [source, target] = [run[name].data, result[name].data]
            for (let i = row * draws; i < (row + 1) * draws; i++) target[i] = source[i]!
          }
        })
      }
      return drawnOf(result)
    }
  )

  /** Feeds the next token of every row; results are in row order, [B, 1]. */
  readonly step = Effect.fnUntraced({ self: this as Decoder }, function*(rows: ReadonlyArray<Row>) {
    const { ids, past, uniforms } = this.#step
    rows.forEach((row, i) => {
      ids.data[i] = BigInt(row.next)
      past.data[i] = BigInt(row.length)
      uniforms.data[2 * i] = row.uniforms[2 * row.drawn]!
      uniforms.data[2 * i + 1] = row.uniforms[2 * row.drawn + 1]!
    })
    this.fit(rows)
    const bound = this.#bindings(rows.length)
    if (bound.rows !== rows.length || bound.capacity !== this.cache.capacity) {
      yield* bound.step.rebind(merge(this.#step.io(rows.length), this.#caches(this.cache, rows.length)))
      bound.rows = rows.length
      bound.capacity = this.cache.capacity
    }
    yield* bound.step.run
    return drawnOf(this.#step)
  })

  /** Forgets all keys and values. */
  clear(): void {
    this.cache.clear()
    this.prompts.clear()
  }

  /** Gives the cache of `rows` an S that holds them and a row of `length` to come, and that isn't far too long. */
  fit(rows: ReadonlyArray<Row>, length = 0): void {
    const needed = rows.reduce((most, row) => Math.max(most, row.length + 1), length)
    const limit = rows.reduce((most, row) => Math.max(most, row.limit), needed)
    const capacity = capacityFor(needed, limit)
    if (this.cache.capacity < needed || this.cache.capacity > 2 * capacity) {
      this.cache.resize(capacity, rows.map((row) => row.length))
    }
  }
}

const merge = (...parts: ReadonlyArray<Partial<Io>>): Io => ({
  inputs: Object.assign({}, ...parts.map((part) => part.inputs)),
  outputs: Object.assign({}, ...parts.map((part) => part.outputs))
})

type StepTensors = ReturnType<typeof stepTensors>

/** What a run of B rows, T tokens and G draws reads and writes, apart from parameters and caches. */
const stepTensors = (B: number, T: number, G: number) => {
  const ids = Tensor.zeros("int64", [B, T])
  const past = Tensor.zeros("int64", [B])
  const last = Tensor.zeros("int64", [B])
  const uniforms = Tensor.zeros("float32", [B, G, 2])
  const tokens = Tensor.zeros("int64", [B, G])
  const logProbs = Tensor.zeros("float32", [B, G])
  const samplingLogProbs = Tensor.zeros("float32", [B, G])
  /** For the first `rows` rows. */
  const io = (rows: number): Io => ({
    inputs: {
      input_ids: ids.view([rows, T]),
      past_lengths: past.view([rows]),
      uniforms: uniforms.view([rows, G, 2])
    },
    outputs: {
      tokens: tokens.view([rows, G]),
      log_probs: logProbs.view([rows, G]),
      sampling_log_probs: samplingLogProbs.view([rows, G])
    }
  })
  return { ids, past, last, uniforms, tokens, logProbs, samplingLogProbs, io }
}

/** With the token of each prompt that is sampled after: a step has but one. */
const ofPrompts = ({ io, last }: StepTensors): Io => merge(io(last.size), { inputs: { last_token: last } })

const drawnOf = ({ logProbs, samplingLogProbs, tokens }: StepTensors): Drawn => ({
  tokens: tokens.data,
  logProbs: logProbs.data,
  samplingLogProbs: samplingLogProbs.data
})
