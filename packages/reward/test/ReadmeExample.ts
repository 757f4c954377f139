import { promptRow } from "@ifrl/curriculum"
import { perConstraint, perSample, Rewards, scored, verifierChecker } from "@ifrl/reward"
import { Effect } from "effect"

const row = promptRow({
  instruction: "Name two rivers.",
  domain: "geography",
  constraints: [
    { id: "punctuation:no_comma", kwargs: {}, text: "Use no commas" },
    { id: "startend:quotation", kwargs: {}, text: "Wrap the answer in double quotation marks" }
  ]
})
const samples = ["\"The Rhine and the Nile\"", "The Rhine, the Nile"].map((answer, i) => ({
  id: `rivers#${i}`,
  row,
  text: answer,
  answer
}))

const brevity = perSample("brevity", ({ answer }) => scored(Math.min(1, 10 / answer.length)), { weight: 0.5 })

const rewards = Rewards.layer([perConstraint(() => verifierChecker), brevity], ({ text }) => text !== "", {
  aggregation: { name: "mean", scale: 1, formatGate: true },
  errorBudget: 0
})

const program = Effect.gen(function*() {
  for (const { parts, value } of yield* (yield* Rewards).score(samples)) {
    console.log(value?.toFixed(3), parts.map(({ name, outcome }) => `${name}: ${outcome._tag}`).join(", "))
  }
})

await Effect.runPromise(program.pipe(Effect.provide(rewards)))
