// What a judge of soft constraints is measured on in the embedded world, whose truth is known.
import { type AgreementGroup } from "@ifrl/bench"
import { isSoft, levelOf, type PromptRow } from "@ifrl/curriculum"
import type { Model } from "@ifrl/models"
import { Rollout } from "@ifrl/rollout"
import { Effect } from "effect"
import type { Config } from "./Config.ts"
import { maxLengthOf, promptEncoder } from "./Session.ts"
import { softVerdictAt } from "./Source.ts"
import { answerOf } from "./Thought.ts"
import { softRow, writtenGroup } from "./world/index.ts"

const seed = 1

/** Constraints that no pair was made for are figures of their own. */
const typesOf = (row: PromptRow, without: ReadonlyArray<string>) =>
  row.instruction_id_list.map((id, i) =>
    without.includes(id) ? `${id} (type never trained on)` : without.includes(row.constraints[i]!) ? `${id} (text never trained on)` : id
  )

const groupOf = (
  row: PromptRow,
  responses: ReadonlyArray<AgreementGroup["responses"][number]>,
  without: ReadonlyArray<string>
): AgreementGroup => ({
  id: row.id,
  instruction: row.instruction,
  constraints: row.constraints as AgreementGroup["constraints"],
  types: typesOf(row, without),
  responses: responses as AgreementGroup["responses"]
})

/** Groups whose responses are written to follow none, one, two ... of the constraints. */
export const writtenGroups = (count: number, without: ReadonlyArray<string>): ReadonlyArray<AgreementGroup> =>
  Array.from({ length: count }, (_, i) => {
    const { responses, row } = writtenGroup(seed, i)
    return groupOf(row, responses, without)
  })

/** Groups whose responses are a policy's own, to the levels of the row from the bare instruction up. */
export const policyGroups = Effect.fn("policyGroups")(function*(config: Config, model: Model, count: number) {
  const rows = yield* Effect.sync(() => Array.from({ length: count }, (_, i) => softRow(seed + 1, i)))
  const encoder = promptEncoder(config, model)
  const requests = yield* Effect.forEach(rows, (row, r) =>
    Effect.forEach(Array.from({ length: row.level + 1 }, (_, k) => levelOf(row, k)), (level, k) =>
      Effect.map(encoder.encode(level), (promptTokens) => ({
        id: `${r}/${k}`,
        promptTokens,
        maxTokens: config.rollout.maxTokens,
        key: { seed, step: 0 }
      }))))
  const completions = yield* Rollout.use((rollout) => rollout.generate(requests.flat(), { stopTokens: encoder.stopTokens })).pipe(
    Effect.provide(Rollout.layer({ model, rows: config.rollout.rows, maxLength: maxLengthOf(config, model) }))
  )
  let next = 0
  return rows.map((row) =>
    groupOf(
      row,
      Array.from({ length: row.level + 1 }, () => {
        const text = answerOf(encoder.decode(completions[next++]!.tokens), config.reward.thought)
        return { text, followed: row.instruction_id_list.map((id, i) => isSoft(id) && softVerdictAt(row, i, text) === true) }
      }),
      config.pairs.without
    )
  )
})
