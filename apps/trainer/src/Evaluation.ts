// Held-out prompts, one completion each, judged by the verifiers.
import { accuracy, followsAll, type PromptVerdict } from "@ifrl/bench"
import { constraintsOf, isAnswer, isSoft, type Kwargs, type PromptRow } from "@ifrl/curriculum"
import { verifyAnswer } from "@ifrl/reward"
import { RewardModel } from "@ifrl/reward"
import { Rollout } from "@ifrl/rollout"
import { type Verdict, verify, type VerifierError } from "@ifrl/verifiers"
import { Effect } from "effect"
import { CommandError } from "./CommandError.ts"
import type { Config } from "./Config.ts"
import { relevanceOf, softVerdicts } from "./Source.ts"
import { answerOf, isFormatted } from "./Thought.ts"

/** What is said of a model before and after a run. Shares in 0..1; relevance and soft are left out where nobody knows them. */
export interface Evaluation {
  readonly prompts: number
  readonly promptStrict: number
  readonly instructionStrict: number
  readonly formatRate: number
  readonly relevance?: number
  /** Share of the soft constraints that are followed, by the truth of the embedded world. */
  readonly soft?: number
  /** Mean probability that the reward model gives the soft constraints: its opinion, beside the truth. */
  readonly softModel?: number
  /** Share of the bare problems of `eval.probe` that are answered right. */
  readonly probe?: number
  readonly meanLength: number
  readonly byConstraint: Readonly<Record<string, { readonly followed: number; readonly count: number }>>
}

/** One held-out prompt and what became of it. */
export interface Judged {
  readonly id: string
  readonly prompt: string
  readonly completion: string
  readonly verdict: PromptVerdict
  readonly formatted: boolean
  readonly relevance: number | undefined
}

export interface PromptEncoder {
  readonly encode: (row: PromptRow) => Effect.Effect<Int32Array, CommandError>
  readonly decode: (tokens: Int32Array) => string
  readonly stopTokens: ReadonlyArray<number>
}

/** A final answer that cannot be compared with the gold one is not known to be right. */
const verdictOf = (constraint: { readonly id: string; readonly kwargs: Kwargs | undefined }, answer: string): Verdict => {
  if (!isAnswer(constraint.id)) return verify(constraint, answer)
  const verdict = verifyAnswer(constraint.id, constraint.kwargs ?? {}, answer)
  return { _tag: "Decided", followed: verdict?._tag === "Decided" && verdict.followed }
}

const judgeConstraints = (row: PromptRow, answer: string): Effect.Effect<PromptVerdict, CommandError> => {
  const hard = row.instruction_id_list.map((id, i) => ({ id, kwargs: row.kwargs[i] })).filter(({ id }) => !isSoft(id))
  const verdicts = hard.map((constraint) => ({ id: constraint.id, verdict: verdictOf(constraint, answer) }))
  const broken = verdicts.find(({ verdict }) => verdict._tag === "Undecided")
  if (broken !== undefined) {
    const reason: VerifierError | undefined = broken.verdict._tag === "Undecided" ? broken.verdict.reason : undefined
    return Effect.fail(
      new CommandError({
        operation: "evaluation",
        subject: `row ${row.id}`,
        reason: reason?.message ?? `${broken.id} cannot be decided`,
        remedy: "mend the row's kwargs or leave the row out"
      })
    )
  }
  return Effect.succeed({
    id: row.id,
    constraints: verdicts.map(({ id, verdict }) => ({ id, followed: verdict._tag === "Decided" && verdict.followed }))
  })
}

const mean = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0) / values.length

/** Generate and judge. The same seed gives the same draws before and after a training, so that the two are comparable. */
export const evaluate = Effect.fn("evaluate")(function*(
  rows: ReadonlyArray<PromptRow>,
  encoder: PromptEncoder,
  config: Config,
  onProgress: (done: number, total: number) => Effect.Effect<void> = () => Effect.void,
  probe: ReadonlyArray<PromptRow> = []
) {
  const rollout = yield* Rollout
  const thought = config.reward.thought
  const requests = yield* Effect.forEach([...rows, ...probe], (row, i) =>
    encoder.encode(row).pipe(Effect.map((promptTokens) => ({
      id: `${i}:${row.id}`,
      promptTokens,
      maxTokens: config.eval.maxTokens > 0 ? config.eval.maxTokens : config.rollout.maxTokens,
      key: { seed: config.eval.seed, step: 0 }
    }))))
  const completions = yield* rollout.generate(requests, {
    temperature: config.eval.temperature,
    stopTokens: encoder.stopTokens,
    onProgress: ({ completed, total }) => onProgress(completed, total)
  })
  const solved = probe.map((row, i) =>
    relevanceOf(row, answerOf(encoder.decode(completions[rows.length + i]!.tokens), thought)) === 1 ? 1 : 0
  )
  const judged = yield* Effect.forEach(rows, (row, i) => {
    const completion = completions[i]!
    const text = encoder.decode(completion.tokens)
    const answer = answerOf(text, thought)
    return judgeConstraints(row, answer).pipe(Effect.map((verdict): Judged => ({
      id: row.id,
      prompt: row.prompt,
      completion: text,
      verdict,
      formatted: isFormatted(text, thought),
      relevance: relevanceOf(row, answer)
    })))
  })
  const { byConstraint, instructionAccuracy, promptAccuracy } = accuracy(judged.map((j) => j.verdict))
  const relevance = judged.flatMap((j) => j.relevance ?? [])
  const soft = judged.flatMap((j, i) => softVerdicts(rows[i]!, answerOf(j.completion, thought)))
  const evaluation: Evaluation = {
    prompts: rows.length,
    promptStrict: promptAccuracy,
    instructionStrict: instructionAccuracy,
    formatRate: mean(judged.map((j) => j.formatted ? 1 : 0)),
    ...(relevance.length > 0 && { relevance: mean(relevance) }),
    ...(soft.length > 0 && { soft: mean(soft.map((s) => s.followed ? 1 : 0)) }),
    ...(probe.length > 0 && { probe: mean(solved) }),
    meanLength: mean(completions.slice(0, rows.length).map((c) => c.tokens.length)),
    byConstraint
  }
  return { evaluation, judged, strict: judged.map((j) => followsAll(j.verdict) ? 1 : 0) }
})

/** An evaluation with the opinion of the RewardModel of the environment on its soft constraints, where there are any. */
export const withSoftOpinion = Effect.fn("withSoftOpinion")(function*<
  A extends { readonly evaluation: Evaluation; readonly judged: ReadonlyArray<Judged> }
>(rows: ReadonlyArray<PromptRow>, found: A, { reward }: Config) {
  const { score } = yield* RewardModel
  const pairs = rows.flatMap((row, i) =>
    constraintsOf(row).flatMap(({ id, text }) =>
      isSoft(id) && text !== ""
        ? [{ constraint: text, response: answerOf(found.judged[i]!.completion, reward.thought), instruction: row.instruction }]
        : []
    )
  )
  if (pairs.length === 0) return found
  return { ...found, evaluation: { ...found.evaluation, softModel: mean(yield* score(pairs)) } }
})

/** The figures of evaluations side by side, one line each. */
export const printEvaluations = (columns: Readonly<Record<string, Evaluation>>): string => {
  const rows: ReadonlyArray<readonly [string, (e: Evaluation) => number | undefined]> = [
    ["prompt-level strict", (e) => e.promptStrict],
    ["instruction-level strict", (e) => e.instructionStrict],
    ["format rate", (e) => e.formatRate],
    ["relevance", (e) => e.relevance],
    ["soft constraints (truth)", (e) => e.soft],
    ["soft constraints (model)", (e) => e.softModel],
    ["reasoning probe", (e) => e.probe]
  ]
  const names = Object.keys(columns)
  const lines = rows.flatMap(([label, of]) => {
    const values = names.map((name) => of(columns[name]!))
    return values.every((v) => v === undefined) ? [] : [
      `${label.padEnd(26)}${values.map((v) => (v === undefined ? "" : v.toFixed(3)).padStart(9)).join("")}`
    ]
  })
  return [`${"".padEnd(26)}${names.map((name) => name.padStart(9)).join("")}`, ...lines].join("\n")
}
