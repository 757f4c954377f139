// The three kinds of work: writing about a topic, adding and subtracting, sorting numbers. A problem is a kind and a
// subject; the subject is a string, so that a row of a dataset carries it whole.
import type { Random } from "@ifrl/curriculum"
import { capital, type Content, type Draft } from "./Draft.ts"
import { factWords, keyOf, topicOf, topics } from "./Topics.ts"

export interface Task {
  readonly share: number
  readonly subject: (random: Random) => string
  readonly phrasings: (subject: string) => ReadonlyArray<string>
  /** What is thought before answering, constraints aside. */
  readonly think: (subject: string) => string
  readonly compose: (subject: string, draft: Draft, random: Random) => Content
  /** Words of the subject that a constraint may forbid; an answer would use them otherwise. */
  readonly forbiddable: (subject: string) => ReadonlyArray<string>
  /** The right final answer, where there is one. */
  readonly answer: (subject: string) => string | undefined
  /** How far an answer does what the instruction asks, in 0..1. */
  readonly relevance: (subject: string, answer: string) => number
}

const numbersIn = (text: string): Array<number> => [...text.matchAll(/\d+/g)].map(([digits]) => Number(digits))
const hasWord = (text: string, word: string): boolean => new RegExp(`\\b${word}\\b`, "i").test(text)
const countWords = (texts: ReadonlyArray<string>): number => texts.join(" ").split(" ").length

const topic = (subject: string) => {
  const found = topicOf(subject)
  if (found === undefined) throw new RangeError(`no topic "${subject}" in the world; make rows with buildWorld`)
  return found
}

const writing: Task = {
  share: 0.7,
  subject: (random) => random.pick(topics).noun,
  phrasings: (noun) => [
    `Write about ${noun}.`,
    `Tell me about ${noun}.`,
    `Describe ${noun}.`,
    `Say something about ${noun}.`,
    `What are ${noun} like?`,
    `Give a note on ${noun}.`
  ],
  think: (noun) => `Topic ${noun}.`,
  compose: (noun, draft, random) => {
    const { acts: allActs, adjectives: allAdjectives, kind } = topic(noun)
    const usable = (text: string) => !draft.avoid.some((word) => hasWord(text, word))
    const first = (text: string) => draft.use.some((word) => hasWord(text, word)) ? 0 : 1
    const order = (items: ReadonlyArray<string>) =>
      random.shuffle(items.filter(usable)).toSorted((a, b) => first(a) - first(b))
    const adjectives = order(allAdjectives)
    const acts = order(allActs)
    const looks = `${capital(noun)} are ${adjectives[0]}${draft.commas ? ", " : " and "}${adjectives[1]} ${kind}.`
    const deeds = `They ${acts[0]}${draft.commas ? ", and they " : " and "}${acts[1]}.`
    const deed = (act: string) => {
      const lead = draft.commas ? random.pick(["Also, they ", "In fact, they ", "They ", "They "]) : "They "
      return `${lead}${act}.`
    }
    const sentences: Array<string> = []
    if (draft.short) {
      const onlyDeeds = draft.use.length > 0 && first(adjectives[0]!) === 1
      sentences.push(onlyDeeds ? `${draft.commas ? "Well, " : ""}${capital(noun)} ${acts[0]} and ${acts[1]}.` : looks)
    } else {
      const count = draft.bullets > 0 ? draft.bullets : Math.max(draft.paragraphs, draft.minSentences)
      sentences.push(looks, ...(count === 2 && draft.bullets === 0 ? [deeds] : acts.slice(0, count - 1).map(deed)))
      const spoken = sentences.length === 2 && draft.bullets === 0 ? 2 : count - 1
      for (const act of acts.slice(spoken)) {
        if (countWords(sentences) >= draft.minWords) break
        sentences.push(deed(act))
      }
    }
    const text = sentences.join(" ")
    const marks = factWords(topic(noun)).filter((word) => hasWord(text, word))
    return { title: capital(noun), sentences, marks: random.shuffle(marks), pronoun: "They" }
  },
  forbiddable: (noun) => [...topic(noun).adjectives, ...topic(noun).acts.map(keyOf)],
  answer: () => undefined,
  relevance: (noun, answer) => {
    const facts = factWords(topic(noun)).filter((word) => hasWord(answer, word)).length
    return (hasWord(answer, noun) ? 0.5 : 0) + 0.25 * Math.min(facts, 2)
  }
}

const terms = (subject: string): { a: number; b: number; sign: number; op: string } => {
  const [a, op, b] = subject.split(" ")
  return { a: Number(a), b: Number(b), sign: op === "plus" ? 1 : -1, op: op! }
}

const arithmetic: Task = {
  share: 0.15,
  subject: (random) => {
    const [a, b] = [10 + random.int(80), 10 + random.int(80)]
    return random.chance(0.5) && a + b < 100 ? `${a} plus ${b}` : `${Math.max(a, b)} minus ${Math.min(a, b)}`
  },
  phrasings: (subject) => {
    const { a, b, sign } = terms(subject)
    const spoken = sign > 0 ? `Add ${b} to ${a}.` : `Take ${b} from ${a}.`
    const story = sign > 0 ? `Tom has ${a} coins and gets ${b} more.` : `Tom has ${a} coins and loses ${b}.`
    return [`What is ${subject}?`, spoken, `${story} How many are there?`]
  },
  // Column by column, ones first: what carries or is borrowed comes before the digit that needs it.
  think: (subject) => {
    const { a, b, op, sign } = terms(subject)
    const [ones, otherOnes] = [a % 10, b % 10]
    const [tens, otherTens] = [(a - ones) / 10, (b - otherOnes) / 10]
    const borrowed = sign < 0 && ones < otherOnes ? 10 : 0
    const first = ones + borrowed + sign * otherOnes
    const carried = first > 9 || borrowed > 0 ? 1 : 0
    const second = tens + sign * (otherTens + carried)
    return `${ones + borrowed} ${op} ${otherOnes} is ${first}. ${tens} ${op} ${otherTens}${carried ? ` ${op} 1` : ""} is ${second}.`
  },
  compose: (subject, draft, random) => {
    const result = arithmetic.answer(subject)!
    const spoken = draft.avoid.includes("answer") ? "it" : "the answer"
    const lead = draft.commas ? random.pick(["So, ", "Well, ", "In short, "]) : ""
    return { title: "Sum", sentences: [capital(`${lead}${spoken} is ${result}.`)], marks: [result], pronoun: "It" }
  },
  forbiddable: () => ["answer"],
  answer: (subject) => {
    const { a, b, sign } = terms(subject)
    return String(a + sign * b)
  },
  relevance: (subject, answer) => numbersIn(answer).join(" ") === arithmetic.answer(subject) ? 1 : 0
}

const sorting: Task = {
  share: 0.15,
  subject: (random) => {
    const numbers = new Set<number>()
    while (numbers.size < 3) numbers.add(10 + random.int(90))
    return [...numbers].join(" ")
  },
  phrasings: (subject) => [
    `Sort the numbers ${subject}.`,
    `Put ${subject} in rising order.`,
    `Order ${subject} from small to large.`
  ],
  think: (subject) => `${sorting.answer(subject)!.replaceAll(" ", " then ")}.`,
  compose: (subject, draft) => {
    const list = sorting.answer(subject)!.replaceAll(" ", draft.commas ? ", " : " ")
    const spoken = draft.avoid.includes("order") ? "It is" : "The order is"
    return { title: "Numbers", sentences: [`${spoken} ${list}.`], marks: [list], pronoun: "It" }
  },
  forbiddable: () => ["order"],
  answer: (subject) => numbersIn(subject).toSorted((a, b) => a - b).join(" "),
  relevance: (subject, answer) => numbersIn(answer).join(" ") === sorting.answer(subject) ? 1 : 0
}

export const tasks = { writing, arithmetic, sorting }

export type Domain = keyof typeof tasks

export const domains = Object.keys(tasks) as ReadonlyArray<Domain>

export const isDomain = (name: string): name is Domain => Object.hasOwn(tasks, name)
