import { bootstrapDifference, followsAll, judge, suites } from "@ifrl/bench"
import { Effect } from "effect"

const records = ["fruits", "rivers", "poets"].map((topic) => ({
  key: topic,
  prompt: `Name some ${topic}. Use no comma and write in quotation marks.`,
  instructions: [{ id: "punctuation:no_comma" }, { id: "startend:quotation" }],
  labels: {}
}))
const judged = (respond: (key: string) => string) =>
  Effect.runPromise(Effect.forEach(records, ({ key }, i) => judge(suites.ifeval, records[i]!, respond(key))))

const plain = await judged((key) => `Some ${key}`)
const careful = await judged((key) => key === "poets" ? "\"Sappho, Basho\"" : `"Some ${key}"`)
const figures = suites.ifeval.headline(careful).rows
console.log(figures["prompt-level"]!["strict"], figures["instruction-level"]!["strict"])

// How sure is the difference? One value a prompt, before and after.
const flags = (verdicts: typeof plain) =>
  verdicts.map((v) => followsAll({ id: v.record.key, constraints: v.instructions.map(({ id, strict }) => ({ id, followed: strict })) }) ? 1 : 0)
const { difference, high, low } = bootstrapDifference(flags(plain), flags(careful), { seed: 1 })
console.log(difference.toFixed(2), low, high)
