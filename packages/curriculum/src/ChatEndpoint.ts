// A client of any endpoint that speaks OpenAI's chat completions: bounded concurrency, timeouts, retries that heed
// Retry-After, a budget, and a cache on disk, so that what was paid for once is there when a killed run is started
// again.
import { createHash } from "node:crypto"
import { Context, Data, Effect, FileSystem, Layer, Option, Path, Ref, Schema, Semaphore } from "effect"
import { FetchHttpClient, HttpBody, HttpClient, HttpClientRequest } from "effect/http"

const field = <S extends Schema.Top>(schema: S, value: S["Encoded"], description: string) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value))).annotate({ description })
const count = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0)))
const positiveCount = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(1)))

export const ChatEndpointConfig = Schema.Struct({
  url: Schema.NonEmptyString.annotate({
    description: "Base URL up to and with the version, http://127.0.0.1:8000/v1."
  }),
  model: Schema.NonEmptyString.annotate({ description: "Name of the model, as the endpoint knows it." }),
  keyVariable: field(
    Schema.String,
    "OPENAI_API_KEY",
    "Environment variable that holds the API key; unset for an endpoint that asks for none."
  ),
  concurrency: field(positiveCount, 8, "Requests under way at once, in requests."),
  timeoutSeconds: field(
    Schema.Finite.pipe(Schema.check(Schema.isGreaterThan(0))),
    120,
    "Time that one request may take, in seconds."
  ),
  retries: field(count, 4, "Times that a request is sent again after a fault that may pass, in requests."),
  backoffSeconds: field(
    Schema.Finite.pipe(Schema.check(Schema.isGreaterThan(0))),
    1,
    "Wait before the first retry, doubled for each further one, in seconds."
  ),
  cache: field(Schema.String, "", "Folder of replies that are not asked for again; empty for none."),
  maxRequests: field(count, 0, "Budget: requests that may be sent, retries included, in requests; 0 for no limit."),
  maxTokens: field(
    count,
    0,
    "Budget: tokens of prompts and replies, as the endpoint counts them, in tokens; 0 for no limit."
  )
})
export type ChatEndpointConfig = typeof ChatEndpointConfig.Type

export interface ChatRequest {
  readonly messages: ReadonlyArray<{ readonly role: "system" | "user" | "assistant"; readonly content: string }>
  readonly temperature?: number
  /** Longest reply, in tokens. */
  readonly maxTokens?: number
  /** Tells apart requests that are to be answered independently; sent as the endpoint's seed. */
  readonly seed?: number
}

export interface ChatReply {
  /** Empty where the endpoint gives no content: a refusal, or a model that was cut off in its thought. */
  readonly text: string
  /** Why the reply ended, in the endpoint's words: "stop", "length". */
  readonly finish: string
  /** Tokens of prompt and reply; 0 where the endpoint does not say. */
  readonly tokens: number
  /** Read from the cache: nothing was sent. */
  readonly cached: boolean
}

/** What has been used up. */
export interface ChatUsage {
  readonly requests: number
  readonly tokens: number
  readonly cached: number
}

export class ChatError extends Data.TaggedError("ChatError")<{
  readonly kind: "budget" | "refused" | "failed" | "cache"
  readonly url: string
  readonly reason: string
  readonly remedy: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return `${this.url}: ${this.reason}; ${this.remedy}`
  }
}

/** A fault that may pass. */
class Passing extends Data.TaggedError("Passing")<{
  readonly reason: string
  readonly waitSeconds: number
  readonly cause?: unknown
}> {}

const Reply = Schema.Struct({
  choices: Schema.NonEmptyArray(
    Schema.Struct({
      message: Schema.Struct({ content: Schema.optionalKey(Schema.NullOr(Schema.String)) }),
      finish_reason: Schema.optionalKey(Schema.NullOr(Schema.String))
    })
  ),
  usage: Schema.optionalKey(Schema.NullOr(Schema.Struct({ total_tokens: Schema.optionalKey(Schema.Number) })))
})

const Cached = Schema.fromJsonString(
  Schema.Struct({ text: Schema.String, finish: Schema.String, tokens: Schema.Number })
)

/** Statuses after which the same request may succeed. */
const passingStatus = (status: number): boolean => status === 408 || status === 409 || status === 429 || status >= 500

const refusals: Readonly<Record<number, string>> = {
  400: "check the model's name and what the endpoint supports",
  401: "put a valid key into the environment variable that keyVariable names",
  403: "use a key that may use this model",
  404: "check the URL, which ends with the version, and the model's name"
}

/** Seconds that a Retry-After header asks for: a number, or a date. */
const retryAfter = (header: string | undefined, now: number): number => {
  if (header === undefined) return 0
  const seconds = Number(header)
  const wait = Number.isFinite(seconds) ? seconds : (Date.parse(header) - now) / 1000
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 0), 600) : 0
}

const bodyOf = (model: string, { maxTokens, messages, seed, temperature }: ChatRequest) => ({
  model,
  messages,
  ...(temperature !== undefined && { temperature }),
  ...(maxTokens !== undefined && { max_tokens: maxTokens }),
  ...(seed !== undefined && { seed })
})

/** Asks a chat model. */
export class ChatEndpoint extends Context.Service<
  ChatEndpoint,
  {
    readonly model: string
    /** Requests under way at once, at most. */
    readonly concurrency: number
    readonly complete: (request: ChatRequest) => Effect.Effect<ChatReply, ChatError>
    readonly usage: Effect.Effect<ChatUsage>
  }
>()("@ifrl/curriculum/ChatEndpoint") {
  /** Over the HttpClient of the environment. */
  static readonly layerClient = (
    config: ChatEndpointConfig
  ): Layer.Layer<ChatEndpoint, ChatError, HttpClient.HttpClient | FileSystem.FileSystem | Path.Path> =>
    Layer.effect(ChatEndpoint, make(config))

  /** Over fetch. */
  static readonly layer = (
    config: ChatEndpointConfig
  ): Layer.Layer<ChatEndpoint, ChatError, FileSystem.FileSystem | Path.Path> =>
    ChatEndpoint.layerClient(config).pipe(Layer.provide(FetchHttpClient.layer))
}

/** What is used up, and the tokens that requests under way may come to. */
interface Spent extends ChatUsage {
  readonly reserved: number
}

const make = Effect.fnUntraced(function*(config: ChatEndpointConfig) {
  const client = yield* HttpClient.HttpClient
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const url = `${config.url.replace(/\/+$/, "")}/chat/completions`
  const key = process.env[config.keyVariable]
  const permits = yield* Semaphore.make(config.concurrency)
  const used = yield* Ref.make<Spent>({ requests: 0, tokens: 0, cached: 0, reserved: 0 })

  const refuse = (kind: ChatError["kind"], reason: string, remedy: string, cause?: unknown) =>
    new ChatError({ kind, url, reason, remedy, cause })
  const cacheFailed = (cause: { readonly message: string }) =>
    refuse(
      "cache",
      `the cache cannot be used: ${cause.message}`,
      "check the folder that `cache` names and the space on its disk",
      cause
    )

  if (config.cache !== "") yield* fs.makeDirectory(config.cache, { recursive: true }).pipe(Effect.mapError(cacheFailed))

  const fileOf = (request: ChatRequest) => {
    const hash = createHash("sha256")
      .update(JSON.stringify(bodyOf(config.model, request)))
      .digest("hex")
    return path.join(config.cache, hash.slice(0, 2), `${hash}.json`)
  }
  /** A reply that was stored; a file that a crash left unreadable is as good as none. */
  const lookUp = (file: string) =>
    fs.readFileString(file).pipe(Effect.flatMap(Schema.decodeUnknownEffect(Cached)), Effect.option)
  let parts = 0
  const store = Effect.fnUntraced(function*(file: string, reply: ChatReply) {
    const { finish, text, tokens } = reply
    yield* fs.makeDirectory(path.dirname(file), { recursive: true })
    // Equal requests can be under way at once.
    const part = `${file}.${process.pid}.${parts++}.part`
    yield* fs.writeFileString(part, JSON.stringify({ text, finish, tokens }))
    yield* fs.rename(part, file)
  }, Effect.mapError(cacheFailed))

  /** Takes a request and its longest reply from the budget, or says what is used up. */
  const reserve = (tokens: number) =>
    Ref.modify(used, (now): readonly [string | undefined, Spent] => {
      if (config.maxRequests > 0 && now.requests >= config.maxRequests) return [`${config.maxRequests} requests`, now]
      if (config.maxTokens > 0 && now.tokens + now.reserved + tokens > config.maxTokens)
        return [`${config.maxTokens} tokens`, now]
      return [undefined, { ...now, requests: now.requests + 1, reserved: now.reserved + tokens }]
    }).pipe(
      Effect.flatMap((spent) =>
        spent === undefined
          ? Effect.void
          : Effect.fail(
              refuse(
                "budget",
                `the budget of ${spent} is used up`,
                "raise it and start again: replies in the cache are not paid twice"
              )
            )
      )
    )

  const send = Effect.fnUntraced(function*(request: ChatRequest) {
    const message = HttpClientRequest.post(url, {
      body: HttpBody.jsonUnsafe(bodyOf(config.model, request)),
      ...(key !== undefined && key !== "" && { headers: { authorization: `Bearer ${key}` } })
    })
    const passing =
      (reason: string, waitSeconds = 0) =>
      (cause?: unknown) =>
        new Passing({ reason, waitSeconds, cause })
    const response = yield* client
      .execute(message)
      .pipe(Effect.mapError((cause) => passing(`no reply: ${cause.message}`)(cause)))
    const text = yield* response.text.pipe(Effect.mapError(passing("the reply broke off")))
    if (response.status !== 200) {
      const reason = `status ${response.status}: ${text.slice(0, 300)}`
      return yield* passingStatus(response.status)
        ? passing(reason, retryAfter(response.headers["retry-after"], Date.now()))()
        : refuse("refused", reason, refusals[response.status] ?? "see what the endpoint says")
    }
    const {
      choices: [choice],
      usage
    } = yield* Schema.decodeUnknownEffect(Schema.fromJsonString(Reply))(text).pipe(
      Effect.mapError(passing(`not a chat completion: ${text.slice(0, 200)}`))
    )
    return {
      text: choice.message.content ?? "",
      finish: choice.finish_reason ?? "stop",
      tokens: usage?.total_tokens ?? 0,
      cached: false
    }
  })

  const attempt = (request: ChatRequest) => {
    const reserved = request.maxTokens ?? 0
    return reserve(reserved).pipe(
      Effect.andThen(
        send(request).pipe(
          Effect.timeoutOrElse({
            duration: `${config.timeoutSeconds} seconds`,
            orElse: () =>
              Effect.fail(new Passing({ reason: `no reply within ${config.timeoutSeconds} s`, waitSeconds: 0 }))
          }),
          Effect.tap(({ tokens }) => Ref.update(used, (now) => ({ ...now, tokens: now.tokens + tokens }))),
          Effect.ensuring(Ref.update(used, (now) => ({ ...now, reserved: now.reserved - reserved })))
        )
      )
    )
  }

  const persist = (request: ChatRequest, retry: number): Effect.Effect<ChatReply, ChatError> =>
    attempt(request).pipe(
      Effect.catchTag("Passing", (fault) =>
        retry < config.retries
          ? Effect.sleep(`${Math.max(fault.waitSeconds, config.backoffSeconds * 2 ** retry)} seconds`).pipe(
              Effect.andThen(persist(request, retry + 1))
            )
          : Effect.fail(
              refuse(
                "failed",
                `${fault.reason} (${retry + 1} attempts)`,
                "see whether the endpoint is up, then start again",
                fault.cause
              )
            )
      )
    )

  const complete = Effect.fn("ChatEndpoint.complete")(function*(request: ChatRequest) {
    const file = config.cache === "" ? undefined : fileOf(request)
    if (file !== undefined) {
      const known = yield* lookUp(file)
      if (Option.isSome(known)) {
        yield* Ref.update(used, (now) => ({ ...now, cached: now.cached + 1 }))
        return { ...known.value, cached: true }
      }
    }
    const reply = yield* permits.withPermits(1)(persist(request, 0))
    if (file !== undefined) yield* store(file, reply)
    return reply
  })

  return ChatEndpoint.of({
    model: config.model,
    concurrency: config.concurrency,
    complete,
    usage: Effect.map(Ref.get(used), ({ cached, requests, tokens }) => ({ requests, tokens, cached }))
  })
})
