// Accuracies as instruction-following papers quote them (IFEval, arXiv 2311.07911).

/** Verdicts on the constraints of one prompt's response. */
export interface PromptVerdict {
  readonly id: string
  /** One a constraint. */
  readonly constraints: ReadonlyArray<{ readonly id: string; readonly followed: boolean }>
}

export interface Accuracy {
  readonly prompts: number
  readonly instructions: number
  /** Share of prompts of which every constraint is followed, 0..1. */
  readonly promptAccuracy: number
  /** Share of all constraints that are followed, 0..1. */
  readonly instructionAccuracy: number
  /** Share followed and count, by constraint id. */
  readonly byConstraint: Readonly<Record<string, { readonly followed: number; readonly count: number }>>
}

/** Whether every constraint of a prompt is followed; a prompt without constraints is. */
export const followsAll = (verdict: PromptVerdict): boolean => verdict.constraints.every((c) => c.followed)

/** Prompt-level and instruction-level accuracy. With strict verdicts these are the strict figures, with loose ones the loose. */
export const accuracy = (verdicts: ReadonlyArray<PromptVerdict>): Accuracy => {
  const all = verdicts.flatMap((v) => v.constraints)
  const byConstraint: Record<string, { followed: number; count: number }> = {}
  for (const { followed, id } of all) {
    const entry = byConstraint[id] ??= { followed: 0, count: 0 }
    entry.count++
    if (followed) entry.followed++
  }
  return {
    prompts: verdicts.length,
    instructions: all.length,
    promptAccuracy: verdicts.filter(followsAll).length / Math.max(1, verdicts.length),
    instructionAccuracy: all.filter((c) => c.followed).length / Math.max(1, all.length),
    byConstraint
  }
}
