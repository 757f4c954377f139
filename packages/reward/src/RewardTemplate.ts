// What the reward model reads. There is one template: it is written into the reward model's folder when that is trained,
// and scoring knows no other. Where a pair is too long, the middle of the response gives way, and before it the end of
// the instruction; the constraint and the template's own words always stay.
import type { ChatTokenizer } from "@ifrl/models"
import { RewardModelError } from "./RewardModelError.ts"

/** Asks whether a response follows a constraint. */
export interface RewardPair {
  readonly constraint: string
  /** The answer alone, without the thought. */
  readonly response: string
  /** What was asked for apart from constraints; only templates that name it read it. */
  readonly instruction?: string | undefined
}

const slots = ["instruction", "constraint", "response"] as const
type Slot = typeof slots[number]

/** Without and with the instruction. */
export const rewardTemplates = {
  constraint: "Constraint: {constraint}\nResponse: {response}\nFollowed:",
  instruction: "Instruction: {instruction}\nConstraint: {constraint}\nResponse: {response}\nFollowed:"
} as const

/** The text that stands for what was cut out of the middle of a response. */
export const gap = " ... "

const pattern = new RegExp(`\\{(${slots.join("|")})\\}`)

export interface RewardTemplate {
  readonly text: string
  readonly readsInstruction: boolean
  /** The text of a pair, whole. Also what equal pairs are told by. */
  readonly render: (pair: RewardPair) => string
  /**
   * At most `maxLength` tokens of the pair. Throws a RewardModelError when the constraint and the template alone do not
   * fit.
   */
  readonly encode: (tokenizer: ChatTokenizer, pair: RewardPair, maxLength: number) => Int32Array
}

/** The first `count` code points of a text, or its head and tail where the middle is to go. */
const shorten = (points: ReadonlyArray<string>, count: number, middle: boolean): string => {
  if (count >= points.length) return points.join("")
  if (!middle) return points.slice(0, count).join("")
  const tail = Math.floor(count / 2)
  return `${points.slice(0, count - tail).join("")}${gap}${points.slice(points.length - tail).join("")}`
}

/** The most of 0..limit for which `fits` holds, which must hold at 0; where it is not monotonic, one for which it holds. */
const most = (limit: number, fits: (count: number) => boolean): number => {
  let [low, high] = [0, limit]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (fits(middle)) low = middle
    else high = middle - 1
  }
  return low
}

/**
 * A template from its text, in which `{constraint}` and `{response}` stand once and `{instruction}` at most once. It must end in
 * words of its own: the model scores a pair at its last token. Throws a RewardModelError otherwise.
 */
export const rewardTemplate = (text: string): RewardTemplate => {
  const parts = text.split(pattern)
  const named = parts.filter((_, i) => i % 2 === 1)
  const count = (slot: Slot) => named.filter((name) => name === slot).length
  const refuse = (reason: string, remedy: string) => {
    throw new RewardModelError({ operation: "template", subject: JSON.stringify(text), reason, remedy })
  }
  for (const slot of ["constraint", "response"] as const) {
    if (count(slot) !== 1) refuse(`holds {${slot}} ${count(slot)} times`, `name {${slot}} once`)
  }
  if (count("instruction") > 1) refuse("holds {instruction} more than once", "name it once or not at all")
  if (parts.at(-1)!.trim() === "") refuse("ends in what it is given", "end it in a word of its own, such as `Followed:`")
  const readsInstruction = count("instruction") === 1

  // One pass over the parts: what a pair says is never taken for a slot.
  const render = (pair: RewardPair) => parts.map((part, i) => i % 2 === 0 ? part : pair[part as Slot] ?? "").join("")

  const encode: RewardTemplate["encode"] = (tokenizer, pair, maxLength) => {
    const tokensOf = (candidate: RewardPair) => tokenizer.encode(render(candidate))
    const whole = tokensOf(pair)
    if (whole.length <= maxLength) return whole
    const bare = tokensOf({ ...pair, instruction: "", response: gap }).length
    if (bare > maxLength) {
      throw new RewardModelError({
        operation: "template",
        subject: JSON.stringify(pair.constraint),
        reason: `the template with this constraint has ${bare} tokens and no response yet, ${maxLength} are allowed`,
        remedy: "shorten the constraint or allow longer pairs (rewardModel.maxLength)"
      })
    }
    // The instruction keeps at most a quarter of what is free, so that the response is what most is read of.
    const instruction = Array.from(readsInstruction ? pair.instruction ?? "" : "")
    const share = bare + Math.floor((maxLength - bare) / 4)
    const kept = most(instruction.length, (n) =>
      tokensOf({ ...pair, instruction: shorten(instruction, n, false), response: gap }).length <= share)
    const asked = { ...pair, instruction: shorten(instruction, kept, false) }
    const response = Array.from(pair.response)
    const cut = (n: number) => tokensOf({ ...asked, response: shorten(response, n, true) })
    return cut(most(response.length, (n) => cut(n).length <= maxLength))
  }
  return { text, readsInstruction, render, encode }
}
