/**
 * Byte-level byte-pair encoding, trained as Hugging Face tokenizers' `BpeTrainer` trains it: the same corpus gives the
 * same merges. Text is normalised to NFC and split into words by Qwen2's pattern (published in its tokenizer.json); a
 * word is a sequence of bytes, each written as a printable character as GPT-2 does; the most frequent pair of
 * neighbours becomes a token until the vocabulary is full. Equal counts go to the pair whose left id, then right id, is
 * lower, so a corpus has one result.
 */
import { Heap } from "./internal/Heap.ts"
import { ModelError } from "./ModelError.ts"
import { patternOf, wordPattern } from "./WordPattern.ts"

const words = patternOf(wordPattern)

/** The character that stands for each byte: itself where printable, else one from U+0100 on. GPT-2's table. */
export const byteCharacters: ReadonlyArray<string> = (() => {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++))
})()

/** Turns of `<|im_start|>role ... <|im_end|>`, the chat format of Qwen2. */
export const chatMlTemplate =
  "{% for message in messages %}" +
  "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

export interface TrainTokenizerOptions {
  /** V, all tokens together: 256 bytes, merges, added and special tokens. */
  readonly vocabSize: number
  /** Tokens that text never produces by merging and that decoding can skip. They get the last ids. */
  readonly specialTokens?: ReadonlyArray<string>
  /** Tokens like `<think>` that stand for themselves and stay visible when special tokens are skipped. */
  readonly addedTokens?: ReadonlyArray<string>
  /** Ends a turn; one of the special tokens. */
  readonly eosToken?: string
  /** Fills up rows; one of the special tokens. */
  readonly padToken?: string
  /** Jinja template of a conversation. */
  readonly chatTemplate?: string
  /** Longest text in tokens that the tokenizer's user should feed. */
  readonly maxLength?: number
}

/** What goes into a model folder: the objects of tokenizer.json and tokenizer_config.json. */
export interface TokenizerFiles {
  readonly tokenizer: Record<string, unknown>
  readonly config: Record<string, unknown>
}

interface Word {
  ids: Array<number>
  readonly count: number
}

interface Pair {
  readonly left: number
  readonly right: number
  count: number
  /** Indices of words that hold or once held the pair. */
  readonly words: Set<number>
}

/** Words of the corpus with their counts, each as byte ids. */
const countWords = (corpus: Iterable<string>, idOf: ReadonlyMap<string, number>): Array<Word> => {
  const counts = new Map<string, number>()
  for (const text of corpus) {
    for (const [word] of text.normalize("NFC").matchAll(words)) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  const encoder = new TextEncoder()
  return Array.from(counts, ([word, count]) => ({
    ids: Array.from(encoder.encode(word), (byte) => idOf.get(byteCharacters[byte]!)!),
    count
  }))
}

class Merger {
  readonly words: Array<Word>
  private readonly pairs = new Map<number, Pair>()
  // A pair is queued with the count that it had; an entry that has since lost occurrences is queued again when it comes
  // up.
  private readonly queue = new Heap<readonly [pair: Pair, count: number]>(
    ([a, m], [b, n]) => m - n || b.left - a.left || b.right - a.right
  )

  constructor(words: Array<Word>) {
    this.words = words
    const found = new Set<Pair>()
    words.forEach(({ count, ids }, at) => {
      for (let i = 1; i < ids.length; i++) found.add(this.add(ids[i - 1]!, ids[i]!, count, at))
    })
    for (const pair of found) this.queue.push([pair, pair.count])
  }

  private add(left: number, right: number, count: number, word: number): Pair {
    const key = left * 2 ** 26 + right
    let pair = this.pairs.get(key)
    if (pair === undefined) this.pairs.set(key, (pair = { left, right, count: 0, words: new Set() }))
    pair.count += count
    if (count > 0) pair.words.add(word)
    return pair
  }

  /** The most frequent pair, undefined when no pair is left. */
  best(): Pair | undefined {
    for (;;) {
      const top = this.queue.pop()
      if (top === undefined) return undefined
      const [pair, count] = top
      if (count === pair.count) return count > 0 ? pair : undefined
      this.queue.push([pair, pair.count])
    }
  }

  /** Replaces the pair by one token wherever it stands. */
  merge({ left, right, words }: Pair, token: number): void {
    const grown = new Set<Pair>()
    for (const at of words) {
      const word = this.words[at]!
      const { count, ids } = word
      const merged: Array<number> = []
      for (let i = 0; i < ids.length; i++) {
        if (ids[i] !== left || ids[i + 1] !== right) {
          merged.push(ids[i]!)
          continue
        }
        const before = merged.at(-1)
        const after = ids[i + 2]
        if (before !== undefined) {
          this.add(before, left, -count, at)
          grown.add(this.add(before, token, count, at))
        }
        if (after !== undefined) {
          this.add(right, after, -count, at)
          grown.add(this.add(token, after, count, at))
        }
        merged.push(token)
        i++
      }
      word.ids = merged
    }
    for (const pair of grown) this.queue.push([pair, pair.count])
  }
}

/** Learns merges until the vocabulary holds `size` tokens or no pair is left. Fills `vocabulary`, token -> id. */
const learn = (corpus: Iterable<string>, vocabulary: Map<string, number>, size: number): Array<[string, string]> => {
  const tokens = [...vocabulary.keys()]
  const merger = new Merger(countWords(corpus, vocabulary))
  const merges: Array<[string, string]> = []
  while (vocabulary.size < size) {
    const pair = merger.best()
    if (pair === undefined) break
    const token = tokens[pair.left]! + tokens[pair.right]!
    // Two pairs can spell the same token; it keeps its first id.
    const id = vocabulary.get(token) ?? vocabulary.size
    if (id === vocabulary.size) {
      vocabulary.set(token, id)
      tokens.push(token)
    }
    merges.push([tokens[pair.left]!, tokens[pair.right]!])
    merger.merge(pair, id)
    pair.count = 0
  }
  return merges
}

const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false }

const check = ({
  addedTokens = [],
  eosToken,
  padToken,
  specialTokens = [],
  vocabSize
}: TrainTokenizerOptions): void => {
  const added = [...addedTokens, ...specialTokens]
  const fail = (key: string, problem: string, remedy: string) => new ModelError({ key, problem, remedy })
  if (!Number.isSafeInteger(vocabSize) || vocabSize < 256 + added.length || vocabSize > 2 ** 26) {
    throw fail(
      "vocabSize",
      `${vocabSize} is not between ${256 + added.length} and ${2 ** 26}`,
      "256 bytes and the added tokens come first"
    )
  }
  const twice = added.find((token, i) => token === "" || added.indexOf(token) !== i)
  if (twice !== undefined)
    throw fail("specialTokens", `${JSON.stringify(twice)} is empty or given twice`, "Give each token once")
  for (const [key, token] of Object.entries({ eosToken, padToken })) {
    if (token !== undefined && !specialTokens.includes(token)) {
      throw fail(key, `${JSON.stringify(token)} is not a special token`, "Add it to specialTokens")
    }
  }
}

/**
 * Trains a tokenizer on texts. Throws ModelError for options that contradict each other. A corpus with too few distinct
 * words gives fewer tokens than `vocabSize`.
 */
export const trainTokenizer = (corpus: Iterable<string>, options: TrainTokenizerOptions): TokenizerFiles => {
  check(options)
  const { addedTokens = [], specialTokens = [] } = options
  const vocabulary = new Map(byteCharacters.toSorted().map((character, id) => [character, id]))
  const merges = learn(corpus, vocabulary, options.vocabSize - addedTokens.length - specialTokens.length)
  const added = [...addedTokens, ...specialTokens].map((content, i) => ({
    id: vocabulary.size + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: i >= addedTokens.length
  }))
  return {
    tokenizer: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer: { type: "NFC" },
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: [
          { type: "Split", pattern: { Regex: wordPattern }, behavior: "Isolated", invert: false },
          byteLevel
        ]
      },
      post_processor: byteLevel,
      decoder: byteLevel,
      model: {
        type: "BPE",
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: "",
        end_of_word_suffix: "",
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab: Object.fromEntries(vocabulary),
        merges: merges.map((pair) => pair.join(" "))
      }
    },
    config: {
      tokenizer_class: "Qwen2Tokenizer",
      added_tokens_decoder: Object.fromEntries(added.map(({ id, ...token }) => [id, token])),
      additional_special_tokens: [...specialTokens],
      bos_token: null,
      eos_token: options.eosToken ?? null,
      pad_token: options.padToken ?? options.eosToken ?? null,
      unk_token: null,
      chat_template: options.chatTemplate ?? chatMlTemplate,
      model_max_length: options.maxLength ?? 131_072,
      add_prefix_space: false,
      clean_up_tokenization_spaces: false,
      errors: "replace",
      split_special_tokens: false
    }
  }
}
