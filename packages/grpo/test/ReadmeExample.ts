import { evaluateObjective, groupAdvantages, objectiveConfig } from "@ifrl/grpo"
import { Runtime } from "@ifrl/runtime"
import { Effect } from "effect"

// A group of three responses to one prompt. A reward that could not be decided takes no part.
const objective = objectiveConfig({ name: "dapo", klCoefficient: 0.01 })
const { advantages } = groupAdvantages([1, 0.5, undefined], objective.advantage)
console.log(advantages.map((a) => a.toFixed(3)).join(" "))
// Rewards that differ by rounding alone teach nothing.
console.log(groupAdvantages([0.1 + 0.2, 0.3, 0.3], objective.advantage))

// Loss and gradient of two responses of 3 and 2 tokens, by the very graph that training puts behind the model.
const { gradient, loss, metrics } = await Effect.runPromise(
  evaluateObjective(objective, {
    newLogProbs: [[-0.5, -0.9, -0.4], [-1.6, -0.7]],
    oldLogProbs: [[-0.5, -1.2, -0.5], [-1.1, -0.6]],
    refLogProbs: [[-0.4, -1.1, -0.4], [-1.2, -0.6]],
    mask: [[1, 1, 1], [1, 1]],
    advantages: [[0.707, 0.707, 0.707], [-0.707, -0.707]]
  }).pipe(Effect.provide(Runtime.layer()))
)
console.log(loss.toFixed(6), gradient.map((row) => row.map((x) => x.toFixed(4)).join(" ")))
console.log(metrics["clip_ratio/low_mean"], metrics["clip_ratio/high_mean"], metrics.kl?.toFixed(4))
