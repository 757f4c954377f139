import { describe, verify, verifyLoose } from "@ifrl/verifiers"

const bullets = { id: "detectable_format:number_bullet_lists", kwargs: { num_bullets: 2 } }

console.log(describe(bullets))
console.log(verify(bullets, "* red\n* blue"))

// Loose: some variant without the first or last line, or without asterisks, may follow.
const ending = { id: "startend:end_checker", kwargs: { end_phrase: "The end" } }
console.log(verify(ending, "It rained.\nThe end\nHope this helps!")._tag, verifyLoose(ending, "It rained.\nThe end\nHope this helps!"))

// Missing kwargs are an answer of their own, never a guess.
const verdict = verify({ id: "keywords:existence", kwargs: {} }, "red")
console.log(verdict._tag === "Undecided" ? verdict.reason.kind : verdict.followed)
