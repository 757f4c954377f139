import { groupAdvantages, tokenWeights } from "@ifrl/grpo"

const config = { name: "group-std", epsilon: 1e-6, tolerance: 1e-6 } as const

const print = ({ advantages, degenerate }: ReturnType<typeof groupAdvantages>) =>
  console.log(advantages.map((a) => a.toFixed(3)).join(" "), degenerate)

print(groupAdvantages([1, 0.5, 0.125], config))
// A reward that could not be decided takes no part.
print(groupAdvantages([1, undefined, 0], config))
// Rewards that differ by rounding alone teach nothing.
print(groupAdvantages([0.1 + 0.2, 0.3, 0.3], config))

// Every token of an update counts the same, or every completion does.
console.log(tokenWeights([1, 3], "token-mean", 8)[1]![0], tokenWeights([1, 4], "sequence-mean", 8)[1]![0])
