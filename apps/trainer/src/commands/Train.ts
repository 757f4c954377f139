// `ifrl train`: GRPO on prompts with constraints, with an evaluation on held-out prompts before and after.
import { bootstrapDifference } from "@ifrl/bench"
import { decomposeAll, isSoft, Prompts } from "@ifrl/curriculum"
import { generateArtifacts } from "@ifrl/artifacts"
import { collect, type Collected, type Episode, GrpoError, type GrpoOptions, learn } from "@ifrl/grpo"
import { decoderGraph, loadModel, loadWeights, saveModel } from "@ifrl/models"
import { abstained, type ConstraintChecker, decided, perConstraint, perSample, Rewards, scored, verifierChecker } from "@ifrl/reward"
import { Rollout } from "@ifrl/rollout"
import { Checkpoints, Metrics, Policy, runLoop } from "@ifrl/train"
import { Clock, Effect, Layer } from "effect"
import { CommandError } from "../CommandError.ts"
import type { Config } from "../Config.ts"
import { Display } from "../Display.ts"
import { evaluate, type Evaluation, printEvaluations } from "../Evaluation.ts"
import { modelDirectory } from "../ModelFolder.ts"
import { RunFolder } from "../RunFolder.ts"
import { maxLengthOf, packOf, promptEncoder } from "../Session.ts"
import { heldOutPrompts, relevanceOf, softVerdicts, trainingPrompts } from "../Source.ts"
import { answerOf, isFormatted } from "../Thought.ts"
import { trainUnits } from "../Units.ts"
import { policyColumns } from "../View.ts"
import { runCommand, type RunOptions, runtimeLayer } from "./RunCommand.ts"

/** What a checkpoint keeps beside weights and optimizer. */
interface TrainState {
  readonly cursor: unknown
  readonly before: { readonly evaluation: Evaluation; readonly strict: ReadonlyArray<number> }
  readonly seconds: number
}

/** Soft constraints by the truth of the embedded world, where there is one. Without it they abstain: no reward model judges them yet. */
const softChecker = ({ reward }: Config): ConstraintChecker => ({ id }, { answer, row }) => {
  const verdict = reward.soft === "truth" ? softVerdicts(row, answer).find((soft) => soft.id === id) : undefined
  return verdict === undefined ? abstained("no reward model") : decided(verdict.followed)
}

const rewardsLayer = (config: Config) => {
  const { reward } = config
  const relevance = perSample("relevance", ({ answer, row }) => {
    const share = relevanceOf(row, answer)
    return share === undefined ? abstained("the row does not say what it is about") : scored(share)
  }, { weight: reward.relevanceWeight })
  return Rewards.layer(
    [
      perConstraint((id) => isSoft(id) ? softChecker(config) : verifierChecker),
      ...(reward.relevanceWeight > 0 ? [relevance] : [])
    ],
    ({ text }) => isFormatted(text, reward.thought),
    reward
  )
}

/** One line of completions.jsonl. */
const record = (step: number, { advantage, completion, reward, row, text }: Episode) => ({
  step,
  id: row.id,
  index: completion.index,
  prompt: row.prompt,
  completion: text,
  tokens: completion.tokens.length,
  stopReason: completion.stopReason,
  reward: reward.value ?? null,
  formatted: reward.formatted,
  parts: reward.parts.map(({ name, outcome, weight }) => ({ name, weight, ...outcome })),
  advantage
})

/** The objective's log-probs are those of the whole distribution at temperature 1, so that is what must be sampled. */
const untempered = { temperature: 1, topK: 0, topP: 1, minP: 0 } as const

const checkSampling = ({ rollout }: Config) =>
  Effect.forEach(Object.entries(untempered), ([key, value]) => {
    const found = rollout[key as keyof typeof untempered]
    return found === value ? Effect.void : Effect.fail(
      new CommandError({
        operation: "config",
        subject: `rollout.${key}`,
        reason: `is ${found}, but what is sampled in training must be the policy itself`,
        remedy: `set it to ${value}; other samplings bias the policy gradient`
      })
    )
  }, { discard: true })

const program = Effect.fnUntraced(function*(config: Config, { resumed }: RunOptions) {
  yield* checkSampling(config)
  const folder = yield* RunFolder
  const display = yield* Display
  const checkpoints = yield* Checkpoints
  const began = yield* Clock.currentTimeMillis
  const latest = resumed ? yield* checkpoints.latest : undefined
  const saved = latest?.state as TrainState | undefined
  const model = yield* loadModel(latest?.directory ?? modelDirectory(config.model.path))
  const penalised = config.objective.klCoefficient > 0
  const reference = penalised ? (yield* loadWeights(modelDirectory(config.model.path))).parameters : undefined
  const maxLength = maxLengthOf(config, model)
  const encoder = promptEncoder(config, model)

  const originals = yield* trainingPrompts(config)
  const heldOut = yield* heldOutPrompts(config, originals)
  const rows = config.curriculum.decompose ? decomposeAll(originals) : originals
  const { promptsPerStep } = config.rollout
  const schedule = { span: config.train.steps * promptsPerStep, ...config.curriculum }

  const { betas, epsilon, learningRate, maxGradNorm, weightDecay } = config.optimizer
  const artifacts = generateArtifacts({
    model: decoderGraph(model.config, { maxLength, recompute: config.train.recompute }),
    loss: penalised ? "grpo+kl" : "grpo",
    optimizer: { beta1: betas[0], beta2: betas[1], epsilon }
  })
  const layers = Layer.mergeAll(
    Policy.layer({ model, artifacts, weightDecay, ...(reference !== undefined && { reference }) }),
    Rollout.layer({ model, rows: config.rollout.rows, maxLength }),
    rewardsLayer(config),
    Prompts.layer(rows, schedule, saved?.cursor),
    Metrics.layerJsonl(folder.metrics)
  )

  return yield* Effect.gen(function*() {
    const policy = yield* Policy
    if (latest !== undefined) yield* policy.restoreOptimizer(latest.directory)
    const completed = latest?.step ?? 0
    yield* (yield* Metrics).rewind(completed)
    yield* folder.rewindCompletions(completed)

    const measure = (label: string) =>
      evaluate(heldOut, encoder, config, (done, total) => display.activity(label, done, total))
    yield* display.begin("train", config.train.steps, policyColumns, completed)
    const before = saved?.before ?? (yield* measure("before: held-out prompts"))

    const options: GrpoOptions = {
      promptsPerStep,
      groupSize: config.rollout.groupSize,
      maxTokens: config.rollout.maxTokens,
      sampling: {
        temperature: config.rollout.temperature,
        topK: config.rollout.topK,
        topP: config.rollout.topP,
        minP: config.rollout.minP,
        stopTokens: encoder.stopTokens,
        onProgress: (p) => display.activity("responses", p.completed, p.total)
      },
      seed: config.train.seed,
      updatesPerRollout: config.train.updatesPerRollout,
      microBatch: packOf(config),
      objective: config.objective,
      learningRate,
      schedule: config.schedule,
      maxGradNorm,
      steps: config.train.steps,
      shuffleRewards: config.reward.shuffle,
      encode: (row) =>
        encoder.encode(row).pipe(Effect.mapError((e) =>
          new GrpoError({ step: 0, subject: e.subject, reason: e.reason, remedy: e.remedy })
        )),
      tokenizer: model.tokenizer,
      answerOf: (text) => answerOf(text, config.reward.thought)
    }
    let cursor = saved?.cursor
    const elapsed = Clock.currentTimeMillis.pipe(Effect.map((now) => (saved?.seconds ?? 0) + (now - began) / 1000))
    const state = elapsed.pipe(Effect.map((seconds): TrainState => ({
      cursor,
      before: { evaluation: before.evaluation, strict: before.strict },
      seconds
    })))
    const update = Effect.fnUntraced(function*(step: number, collected: Collected) {
      const metrics = yield* learn(options, step, collected)
      cursor = collected.cursor
      yield* folder.appendCompletions(collected.episodes.map((episode) => record(step, episode)))
      const shown = collected.episodes[step % collected.episodes.length]!
      yield* display.sample({ prompt: shown.row.prompt, completion: shown.text, reward: shown.reward.value })
      return metrics
    })
    const loop = yield* runLoop({
      completed,
      steps: config.train.steps,
      prepare: (step) => collect(options, step),
      update,
      checkpoint: (step) => state.pipe(Effect.flatMap((s) => checkpoints.save(step, s, policy.save)), Effect.asVoid),
      checkpointEvery: config.checkpoint.every,
      evaluateEvery: config.eval.every,
      evaluate: () =>
        measure("held-out prompts").pipe(Effect.map(({ evaluation: e }) => ({
          "eval/prompt_strict": e.promptStrict,
          "eval/instruction_strict": e.instructionStrict,
          "eval/format_rate": e.formatRate,
          ...(e.relevance !== undefined && { "eval/relevance": e.relevance })
        }))),
      onStep: display.step,
      stopAfter: (_step, _metrics, seconds) =>
        config.run.maxMinutes > 0 && seconds > config.run.maxMinutes * 60 ? { reason: "run.maxMinutes are over" } : undefined
    })
    const after = yield* measure("after: held-out prompts")
    yield* saveModel(folder.model, model)
    const gain = bootstrapDifference(before.strict, after.strict, { seed: config.eval.seed })
    const summary = {
      before: before.evaluation,
      after: after.evaluation,
      gain,
      seconds: yield* elapsed,
      steps: loop.completed,
      model: folder.model
    }
    const text = [
      printEvaluations({ before: before.evaluation, after: after.evaluation }),
      `prompt-level gain ${gain.difference.toFixed(3)}, 95% interval ${gain.low.toFixed(3)} to ${gain.high.toFixed(3)}, ` +
      `over ${heldOut.length} held-out prompts`,
      `${loop.completed} steps in ${summary.seconds.toFixed(0)} s; model in ${folder.model}`
    ].join("\n")
    return { summary, text }
  }).pipe(Effect.provide(layers))
})

export const train = runCommand("train", {
  description: "Train a model with GRPO to follow the constraints of its prompts",
  embedded: true,
  units: trainUnits,
  program: (config, options) =>
    Effect.scoped(Effect.suspend(() => program(config, options))).pipe(
      Effect.provide(runtimeLayer(config)),
      Effect.provide(Layer.unwrap(Effect.map(RunFolder, (folder) => Checkpoints.layer(folder.checkpoints, config.checkpoint.keep))))
    )
})
