/**
 * Text to tokens and conversations to prompts. Tokenizers are transformers.js's, templates ChatTemplate.ts's. The files
 * of a model folder are read here and handed over, so that nothing is looked up on a network. transformers.js is
 * imported at first use: it maps libvips and an ONNX Runtime of its own.
 */
import type * as Transformers from "@huggingface/transformers"
import { Effect, FileSystem, Path } from "effect"
import { type ChatTemplate, namedTemplate, parseChatTemplate, specialTokens } from "./ChatTemplate.ts"
import { fileError, isRecord, readJson, readText } from "./Files.ts"
import { cleansUp, decodeBytesStrictly, forTransformersJs, specialIds } from "./internal/Pretrained.ts"
import { ModelError } from "./ModelError.ts"
import type { TokenizerFiles } from "./TrainTokenizer.ts"
import { wordEncoder } from "./WordEncoder.ts"

/** One turn of a conversation. Templates read further fields: what a template doesn't know of, it leaves out. */
export interface ChatMessage {
  readonly role: string
  readonly content: string
  /**
   * The thought that came before `content`, for templates that take it apart (Qwen3). `thinking` and `reasoning` are
   * taken for it where it is missing.
   */
  readonly reasoning_content?: string
  /** Functions that the assistant calls, in OpenAI's form. */
  readonly tool_calls?: ReadonlyArray<unknown>
}

export interface ChatTemplateOptions {
  /** End the prompt where the assistant's answer begins. */
  readonly addGenerationPrompt?: boolean
  /** Further variables that the template reads, such as `enable_thinking` and `tools`. */
  readonly variables?: Readonly<Record<string, unknown>>
}

export interface ChatTokenizer {
  /** Tokens of a text. Special tokens are recognised where the text spells them; none are added. */
  readonly encode: (text: string) => Int32Array
  /** Text of tokens; ids outside the vocabulary give nothing. */
  readonly decode: (tokens: ArrayLike<number>, options?: { readonly skipSpecial?: boolean }) => string
  /**
   * A conversation as the model's chat template writes it. Throws ModelError without a template or where the template
   * refuses it.
   */
  readonly renderChat: (messages: ReadonlyArray<ChatMessage>, options?: ChatTemplateOptions) => string
  /** Tokens of `renderChat`. */
  readonly applyChatTemplate: (messages: ReadonlyArray<ChatMessage>, options?: ChatTemplateOptions) => Int32Array
  /** Tokens that end an answer: those of generation_config.json, else of config.json, else the tokenizer's own. */
  readonly eosIds: ReadonlyArray<number>
  /**
   * The one of them that an answer to learn from ends with: what the chat template writes after one (Llama 3 ends turns
   * with another token than texts), else the tokenizer's own end token, else the first.
   */
  readonly endId: number | undefined
  /** Fills up rows: the tokenizer's padding token, else its end token, else 0. */
  readonly padId: number
  /** One more than the greatest token id. At most the rows of the embedding, which may have spare ones. */
  readonly vocabSize: number
}

export interface TokenizerSource extends TokenizerFiles {
  /** Named in errors. */
  readonly directory?: string | undefined
  /** Overrides the template in tokenizer_config.json. */
  readonly chatTemplate?: string | undefined
  /** Overrides the tokenizer's own end token. */
  readonly eosIds?: ReadonlyArray<number> | undefined
  /** Variables of the template for every conversation; those of a call win. */
  readonly templateVariables?: Readonly<Record<string, unknown>> | undefined
  /** Rows of the model's embedding. */
  readonly embeddingRows?: number | undefined
}

type Pretrained = Transformers.PreTrainedTokenizer

const importTransformers = Effect.tryPromise({
  try: () => import("@huggingface/transformers"),
  catch: (cause) =>
    new ModelError({
      problem: "@huggingface/transformers can't be loaded",
      remedy: "Install it again: npm install @huggingface/transformers",
      cause
    })
})

/** A message whose thought has the names that templates read, as transformers gives them. */
const withThought = (message: ChatMessage): Readonly<Record<string, unknown>> => {
  const { reasoning, reasoning_content, thinking } = message as ChatMessage & Readonly<Record<string, unknown>>
  const thought = reasoning_content ?? thinking ?? reasoning ?? null
  return thought === null ? { ...message } : { thinking: thought, ...message, reasoning_content: thought }
}

const specialId = (tokenizer: Pretrained, name: "eos" | "pad"): number | undefined =>
  (tokenizer[`${name}_token_id`] as number | null | undefined) ?? undefined

const make = (tokenizer: Pretrained, known: ReadonlySet<number>, source: TokenizerSource): ChatTokenizer => {
  const eos = specialId(tokenizer, "eos")
  const encode = wordEncoder(source.tokenizer, source.config, (text) =>
    Int32Array.from(tokenizer.encode(text, { add_special_tokens: false }))
  )
  const cleanUp = cleansUp(source.tokenizer, source.config)
  const special = specialIds(source.tokenizer, source.config, Object.values(specialTokens(source.config)))
  const parsed = new Map<string, ChatTemplate>()
  const fail = (problem: string, remedy: string, cause?: unknown) =>
    new ModelError({ file: source.directory, key: "chat_template", problem, remedy, cause })
  const renderChat: ChatTokenizer["renderChat"] = (messages, { addGenerationPrompt = false, ...given } = {}) => {
    const variables = { ...source.templateVariables, ...given.variables }
    const tools = (variables["tools"] ?? null) !== null
    const template = source.chatTemplate ?? namedTemplate(source.config["chat_template"], tools)
    if (template === undefined) {
      throw fail(
        "the tokenizer has no chat template",
        "Add chat_template.jinja or a chat_template in tokenizer_config.json, or encode plain text"
      )
    }
    try {
      const render = parsed.get(template) ?? parseChatTemplate(template)
      parsed.set(template, render)
      return render({
        tools: null,
        documents: null,
        ...specialTokens(source.config),
        ...variables,
        messages: messages.map(withThought),
        add_generation_prompt: addGenerationPrompt
      })
    } catch (cause) {
      throw fail(
        `the template refuses the conversation: ${(cause as Error).message}`,
        "Check the roles and their order",
        cause
      )
    }
  }
  const eosIds = source.eosIds ?? (eos === undefined ? [] : [eos])
  /** The last end token of a conversation that the template renders. */
  const templateEnd = (): number | undefined => {
    if (source.chatTemplate === undefined && (source.config["chat_template"] ?? null) === null) return undefined
    try {
      const turns = [
        { role: "user", content: "a" },
        { role: "assistant", content: "b" }
      ]
      return encode(renderChat(turns)).findLast((id) => eosIds.includes(id))
    } catch (error) {
      // A template that refuses these turns says nothing of their end.
      if (error instanceof ModelError) return undefined
      throw error
    }
  }
  let end: { readonly id: number | undefined } | undefined
  return {
    encode,
    decode: (tokens, { skipSpecial = false } = {}) => {
      const ids = Array.from(tokens).filter((id) => known.has(id) && !(skipSpecial && special.has(id)))
      const options = { skip_special_tokens: skipSpecial, clean_up_tokenization_spaces: cleanUp }
      return ids.length === 0 ? "" : tokenizer.decode(ids, options)
    },
    renderChat,
    applyChatTemplate: (messages, options) => encode(renderChat(messages, options)),
    eosIds,
    get endId() {
      end ??= { id: templateEnd() ?? eosIds.find((id) => id === eos) ?? eosIds[0] }
      return end.id
    },
    padId: specialId(tokenizer, "pad") ?? eos ?? 0,
    vocabSize: 1 + Array.from(known).reduce((most, id) => Math.max(most, id), -1)
  }
}

/** A tokenizer from the contents of its files. */
export const makeTokenizer = Effect.fnUntraced(function*(source: TokenizerSource) {
  const transformers = yield* importTransformers
  const { config, directory, tokenizer } = source
  const broken = (problem: string, remedy: string, cause?: unknown) =>
    new ModelError({ file: directory, key: "tokenizer.json", problem, remedy, cause })
  const whole = asList(tokenizer["added_tokens"]).map(asRecord).find((token) => token["single_word"] === true)
  if (whole !== undefined) {
    return yield* broken(
      `has the added token ${JSON.stringify(whole["content"])} that counts as a whole word only (single_word)`,
      "Set its single_word to false, or use another tokenizer: transformers.js would find it within words"
    )
  }
  const name = String(config["tokenizer_class"] ?? "").replace(/Fast$/, "")
  const named: unknown = Object.hasOwn(transformers, name) ? transformers[name as keyof typeof transformers] : undefined
  const isTokenizer = typeof named === "function" && named.prototype instanceof transformers.PreTrainedTokenizer
  const constructor = isTokenizer
    ? (named as typeof transformers.PreTrainedTokenizer)
    : transformers.PreTrainedTokenizer
  const pretrained = yield* Effect.try({
    try: () => new constructor(forTransformersJs(tokenizer), config),
    catch: (cause) =>
      broken(`is no tokenizer that transformers.js reads: ${(cause as Error).message}`, "Fetch the files again", cause)
  })
  decodeBytesStrictly(pretrained)
  const known = new Set<number>(pretrained.get_vocab().values())
  const result = make(pretrained, known, source)
  if (source.embeddingRows !== undefined && result.vocabSize > source.embeddingRows) {
    return yield* broken(
      `has token ids up to ${result.vocabSize - 1} and the model's embedding has ${source.embeddingRows} rows`,
      "Use the tokenizer that the model was trained with"
    )
  }
  const alien = result.eosIds.find((id) => !known.has(id))
  if (alien !== undefined) {
    return yield* broken(
      `has no token with the id ${alien}, which is to end answers`,
      "Fix eos_token_id in generation_config.json or config.json"
    )
  }
  return result
})

// -------------------- folders --------------------

const asList = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

const asRecord = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {})

/** `eos_token_id` of a config: a number, a list, or nothing. */
const eosOf = (json: unknown): ReadonlyArray<number> | undefined => {
  const ids = asRecord(json)["eos_token_id"] ?? undefined
  return ids === undefined ? undefined : ([ids].flat() as Array<number>)
}

/** Reads a file that need not be there. */
const optional = <A>(read: (file: string) => Effect.Effect<A, ModelError, FileSystem.FileSystem>) =>
  Effect.fnUntraced(function*(file: string) {
    const fs = yield* FileSystem.FileSystem
    const exists = yield* fs.exists(file).pipe(Effect.mapError(fileError(file, "Check its permissions")))
    return exists ? yield* read(file) : undefined
  })

/** The tokenizer of a model folder, checked against the rows of the model's embedding where given. */
export const loadTokenizer = Effect.fnUntraced(function*(
  directory: string,
  options: Pick<TokenizerSource, "embeddingRows" | "templateVariables"> = {}
) {
  const path = yield* Path.Path
  const readObject = (file: string) => Effect.map(readJson(file, "Copy it from the original checkpoint"), asRecord)
  const readOptional = optional(readObject)
  const at = (name: string) => path.join(directory, name)
  return yield* makeTokenizer({
    directory,
    tokenizer: yield* readObject(at("tokenizer.json")),
    config: yield* readObject(at("tokenizer_config.json")),
    chatTemplate: yield* optional((file) => readText(file, "Check its permissions"))(at("chat_template.jinja")),
    eosIds: eosOf(yield* readOptional(at("generation_config.json"))) ?? eosOf(yield* readOptional(at("config.json"))),
    ...options
  })
})
