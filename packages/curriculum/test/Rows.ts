import { type Constraint, type PromptRow, promptRow } from "../src/index.ts"

export const noComma: Constraint = { id: "punctuation:no_comma", kwargs: {}, text: "Use no commas" }
export const cheerful: Constraint = {
  id: "soft:tone",
  kwargs: {},
  text: "Sound cheerful",
  truth: { type: "tone", value: "cheerful" }
}
export const twoBullets: Constraint = {
  id: "detectable_format:number_bullet_lists",
  kwargs: { num_bullets: 2 },
  text: "Use 2 bullets"
}

/** A row with the given constraints; `name` makes it distinct. */
export const rowOf = (name: string, constraints: ReadonlyArray<Constraint>): PromptRow =>
  promptRow({ instruction: `Write about ${name}.`, constraints, domain: "writing", subject: name })

/** `counts[k]` rows of level k + 1, of up to three constraints. */
export const rowsOf = (counts: ReadonlyArray<number>): ReadonlyArray<PromptRow> =>
  counts.flatMap((count, k) =>
    Array.from({ length: count }, (_, i) => rowOf(`thing ${k}/${i}`, [noComma, cheerful, twoBullets].slice(0, k + 1)))
  )
