// Who writes soft constraints: templates, or a language model that sees the instruction, be it the policy or one behind
// an endpoint. What a model writes is checked; what cannot be used is asked for again and then replaced by the
// template.
import { Context, Data, Effect, Layer, type Scope } from "effect"
import { ChatEndpoint, type ChatError } from "./ChatEndpoint.ts"
import type { Constraint } from "./PromptRow.ts"
import { random } from "./Random.ts"
import type { Seed } from "./Seed.ts"
import type { Taxonomy } from "./types/index.ts"
import { senses } from "./validate/Sense.ts"

/** A soft constraint to be written for a seed. `constraint` is what the templates say. */
export interface SoftRequest {
  readonly seed: Seed
  readonly constraint: Constraint
}

/** What is put to a model, and the number that tells apart attempts at the same. */
export interface ModelRequest {
  readonly prompt: string
  readonly attempt: number
}

export class SoftWriterError extends Data.TaggedError("SoftWriterError")<{
  readonly reason: string
  readonly remedy: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return `soft constraints cannot be written: ${this.reason}; ${this.remedy}`
  }
}

/** Longest text of a constraint, in characters. */
const longest = 300

/**
 * A model's reply as the text of a constraint, without quotes, bullets and the final stop; undefined for a reply that
 * is none: several lines, too short or long, or one that gives two bounds at once.
 */
export const constraintText = (reply: string): string | undefined => {
  const said = reply.replace(/^[\s\S]*<\/think>/, "").trim()
  const text = said
    .replace(/^(?:[-*•]\s+|\d+[.)]\s+|(?:constraint|requirement):\s*)/i, "")
    .replace(/^"([^"]*)"$/, "$1")
    .replace(/[.\s]+$/, "")
  const bounds = senses(text).flatMap(({ sense }) => (sense === "number" ? [] : [sense]))
  return text.length < 10 || text.length > longest || text.includes("\n") || new Set(bounds).size > 1 ? undefined : text
}

/** What a model is told. */
export const writerPrompt = (taxonomy: Taxonomy, { constraint, seed }: SoftRequest): string =>
  [
    "Here is an instruction:",
    seed.instruction,
    "",
    `Write one more requirement for the answer to it. Its kind: ${taxonomy[constraint.id]?.description ?? constraint.id}`,
    `An example of this kind: ${constraint.text}.`,
    "Make it fit the instruction, so that an answer can meet it. Reply with the requirement alone, in one sentence."
  ].join("\n")

/** Writes soft constraints. */
export class SoftWriter extends Context.Service<
  SoftWriter,
  {
    readonly name: string
    /** Seeds whose constraints are best written at once: what a killed build has to do again. */
    readonly chunk: number
    /** One constraint for each request, in order; the request's own where the template stands. */
    readonly write: (requests: ReadonlyArray<SoftRequest>) => Effect.Effect<ReadonlyArray<Constraint>, SoftWriterError>
  }
>()("@ifrl/curriculum/SoftWriter") {
  /** The taxonomy's phrasings as they are. */
  static readonly layerTemplates: Layer.Layer<SoftWriter> = Layer.succeed(
    SoftWriter,
    SoftWriter.of({
      name: "templates",
      chunk: 512,
      write: (requests) => Effect.succeed(requests.map(({ constraint }) => constraint))
    })
  )

  /**
   * A language model: `ask` gives one reply for each request, in order. Replies that are no constraint are asked for
   * again, at most `attempts` times in all. A written constraint has no kwargs: its text says everything.
   */
  static readonly layerModel = <R = never,>(options: {
    readonly name: string
    readonly taxonomy: Taxonomy
    readonly ask: (requests: ReadonlyArray<ModelRequest>) => Effect.Effect<ReadonlyArray<string>, SoftWriterError, R>
    readonly attempts?: number
  }): Layer.Layer<SoftWriter, never, Exclude<R, Scope.Scope>> =>
    Layer.effect(
      SoftWriter,
      Effect.gen(function*() {
        const context = yield* Effect.context<R>()
        const write = Effect.fn("SoftWriter.write")(function*(requests: ReadonlyArray<SoftRequest>) {
          const written: Array<Constraint | undefined> = requests.map(() => undefined)
          for (let attempt = 0; attempt < (options.attempts ?? 3); attempt++) {
            const open = requests.flatMap((request, i) => (written[i] === undefined ? [{ request, i }] : []))
            if (open.length === 0) break
            const replies = yield* options.ask(
              open.map(({ request }) => ({ prompt: writerPrompt(options.taxonomy, request), attempt }))
            )
            for (const [at, { i, request }] of open.entries()) {
              const text = constraintText(replies[at] ?? "")
              if (text !== undefined) written[i] = { id: request.constraint.id, kwargs: {}, text }
            }
          }
          return requests.map(({ constraint }, i) => written[i] ?? constraint)
        })
        return SoftWriter.of({
          name: options.name,
          chunk: 64,
          write: (requests) => write(requests).pipe(Effect.provideContext(context))
        })
      })
    )

  /** The model behind the ChatEndpoint of the environment. */
  static readonly layerEndpoint = (taxonomy: Taxonomy, seed: number): Layer.Layer<SoftWriter, never, ChatEndpoint> =>
    Layer.unwrap(
      Effect.map(ChatEndpoint, (endpoint) =>
        SoftWriter.layerModel({
          name: endpoint.model,
          taxonomy,
          ask: (requests) =>
            Effect.suspend(() => {
              // After a failure nothing more is sent, but what is under way is waited for: it is paid and goes to the
              // cache.
              let failure: ChatError | undefined
              const one = ({ attempt, prompt }: ModelRequest) =>
                failure !== undefined
                  ? Effect.succeed("")
                  : endpoint
                      .complete({
                        messages: [{ role: "user", content: prompt }],
                        maxTokens: 200,
                        temperature: 1,
                        seed: random(seed, "writer", prompt, attempt).int(2 ** 31)
                      })
                      .pipe(
                        Effect.map(({ text }) => text),
                        Effect.catch((error) =>
                          Effect.sync(() => {
                            failure ??= error
                            return ""
                          })
                        )
                      )
              return Effect.forEach(requests, (request) => Effect.suspend(() => one(request)), {
                concurrency: endpoint.concurrency
              }).pipe(
                Effect.flatMap((replies) =>
                  failure === undefined
                    ? Effect.succeed(replies)
                    : Effect.fail(
                        new SoftWriterError({
                          reason: `${failure.url}: ${failure.reason}`,
                          remedy: failure.remedy,
                          cause: failure
                        })
                      )
                )
              )
            })
        })
      )
    )
}
