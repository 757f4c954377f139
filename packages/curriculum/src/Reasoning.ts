// Reasoning rows keep a model's reasoning from being traded away: questions whose one constraint is that the final
// answer be right. The gold answer stands in the constraint's kwargs, never in the prompt.
import { type Kwargs, type PromptRow, promptRow } from "./PromptRow.ts"

/** What a right answer is, by the constraint's id: a value, or a letter. */
export const answerKinds = {
  "answer:math": "Put the final answer in \\boxed{}",
  "answer:choice": "Put the letter of your choice in \\boxed{}"
} as const
export type AnswerId = keyof typeof answerKinds

export const isAnswer = (constraintId: string): constraintId is AnswerId => Object.hasOwn(answerKinds, constraintId)

/** Whether a row asks for nothing but a right answer. */
export const isReasoning = (row: Pick<PromptRow, "instruction_id_list">): boolean =>
  row.instruction_id_list.length > 0 && row.instruction_id_list.every(isAnswer)

/** What is wrong with the kwargs of an answer, if anything. */
export const answerProblem = (id: AnswerId, { answer }: Kwargs): string | undefined => {
  if (typeof answer !== "string" || answer.trim() === "") return "there is no answer to compare with"
  return id === "answer:choice" && !/^[A-J]$/.test(answer) ? `the answer "${answer.slice(0, 40)}" is no letter` : undefined
}

/** The row of a question. */
export const reasoningRow = (question: {
  readonly id: AnswerId
  readonly question: string
  readonly answer: string
  readonly source?: string | undefined
}): PromptRow =>
  promptRow({
    instruction: question.question,
    constraints: [{ id: question.id, kwargs: { answer: question.answer }, text: answerKinds[question.id] }],
    domain: question.id === "answer:math" ? "math" : "choice",
    answer: question.answer,
    source: question.source
  })
