// `ifrl train`: GRPO on prompts with constraints, with an evaluation on held-out prompts before and after.
import { bootstrapDifference } from "@ifrl/bench"
import { type PromptError, Prompts } from "@ifrl/curriculum"
import {
  collect,
  type Collected,
  type Episode,
  GrpoError,
  type GrpoOptions,
  learn,
  needsReference,
  readRollout,
  warnings,
  writeRollout
} from "@ifrl/grpo"
import { loadWeights } from "@ifrl/models"
import type { Rewards } from "@ifrl/reward"
import { Rollout } from "@ifrl/rollout"
import { Checkpoints, guard, guardStart, type GuardState, type MetricRecord, Metrics, Policy, runLoop, type Stop } from "@ifrl/train"
import { Clock, Effect, FileSystem, Layer, type Path, Predicate } from "effect"
import { createHash } from "node:crypto"
import { budgetStop } from "../Budgets.ts"
import { CommandError } from "../CommandError.ts"
import type { Config } from "../Config.ts"
import { Display } from "../Display.ts"
import { evaluate, type Evaluation, printEvaluations, withSoftOpinion } from "../Evaluation.ts"
import { modelDirectory } from "../ModelFolder.ts"
import { adoptCheckpoint, baseOf, loadPolicyModel, rolloutModel, savePolicyModel } from "../PolicyModel.ts"
import { rewardsLayer } from "../RewardFunctions.ts"
import { metricSinks, telemetry } from "../MetricSinks.ts"
import { referenceLogProbs } from "../ReferenceLogProbs.ts"
import { RunFolder } from "../RunFolder.ts"
import { maxLengthOf, packOf, promptEncoder } from "../Session.ts"
import { heldOutPrompts, probePrompts, scheduledPrompts, trainingPrompts } from "../Source.ts"
import { printSoftModel, softModelOf, trainsRewardModel } from "../SoftModel.ts"
import { answerOf } from "../Thought.ts"
import { policyLoss, trainingArtifacts } from "../TrainingArtifacts.ts"
import { referencesOf, rewardsReadReference, trainUnits } from "../Units.ts"
import { policyColumns } from "../View.ts"
import { judgeSize, trainWork } from "../Workload.ts"
import { runCommand, type RunOptions, runtimeLayer, stateOf } from "./RunCommand.ts"

/** What a checkpoint keeps beside weights and optimizer. */
interface TrainState {
  readonly cursor: unknown
  readonly before: { readonly evaluation: Evaluation; readonly strict: ReadonlyArray<number> }
  readonly seconds: number
  readonly guards: GuardState
  /** Metrics of the last step, where it was cut off before its evaluation was over. */
  readonly pending?: MetricRecord
}

const isTrainState = (state: unknown): state is TrainState =>
  Predicate.hasProperty(state, "before") && Predicate.hasProperty(state.before, "strict")

/** Services that a run is composed of. An application may give others in their places. */
export type TrainServices = Policy | Rollout | Rewards | Prompts | Metrics | Checkpoints

/** A layer over the run's own services: it may use them, and what it provides stands in their places. */
export type TrainOverrides = Layer.Layer<never, never, TrainServices | FileSystem.FileSystem | Path.Path>

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

/** The objective's log-probs are those of the whole distribution, so that is what must be sampled. */
const unfiltered = { topK: 0, topP: 1, minP: 0 } as const

const refuse = (key: string, found: unknown, reason: string, remedy: string) =>
  Effect.fail(new CommandError({ operation: "config", subject: key, reason: `is ${String(found)}, ${reason}`, remedy }))

/** A resumed run whose cursor does not belong to its prompts. */
const otherPrompts = (directory: string, cause: PromptError) =>
  new CommandError({
    operation: "resume",
    subject: directory,
    reason: "the prompts, or their order, are not those of the run",
    remedy: "leave data, curriculum, rollout.promptsPerStep and train.steps as they were; to go on for more steps, set train.steps and " +
      "with it curriculum.span to the prompts of the run so far, which are its old train.steps times rollout.promptsPerStep",
    cause
  })

/** Prompts of one pass, at most: their order is laid down in memory. */
const longestSpan = 2 ** 24

/** What the schema cannot say: values that do not go together. */
const checkTogether = Effect.fnUntraced(function*(config: Config) {
  const { checkpoint, curriculum, eval: evaluation, objective, rollout, train } = config
  const [key, span] = curriculum.span === undefined
    ? ["train.steps", train.steps * rollout.promptsPerStep] as const
    : ["curriculum.span", curriculum.span] as const
  if (span > longestSpan) {
    yield* refuse(
      key,
      key === "train.steps" ? train.steps : span,
      `which makes a pass of ${span} prompts, and one holds ${longestSpan} at most`,
      "set curriculum.span to the prompts of one pass, such as those of the data"
    )
  }
  for (const [key, value] of Object.entries(unfiltered)) {
    const found = rollout[key as keyof typeof unfiltered]
    if (found !== value) {
      yield* refuse(
        `rollout.${key}`,
        found,
        "but what is sampled in training must be the policy itself",
        `set it to ${value}; other samplings bias the policy gradient`
      )
    }
  }
  if (rollout.temperature === 0) {
    yield* refuse("rollout.temperature", 0, "which samples nothing", "set it above 0; responses of a group must differ")
  }
  if (objective.importance.name !== "none" && train.oldLogProbs === "sampler") {
    yield* refuse(
      "objective.importance.name",
      objective.importance.name,
      "but the ratio starts from the sampler's log-probs, so that every weight would be 1",
      "set train.oldLogProbs to trainer, or the weights to none"
    )
  }
  if (checkpoint.final === "best" && evaluation.every === 0) {
    yield* refuse("checkpoint.final", "best", "but nothing is evaluated during training", "set eval.every")
  }
})

/** The metrics of an evaluation during training. */
const evaluationMetrics = (e: Evaluation): MetricRecord => ({
  "eval/prompt_strict": e.promptStrict,
  "eval/instruction_strict": e.instructionStrict,
  "eval/format_rate": e.formatRate,
  ...(e.relevance !== undefined && { "eval/relevance": e.relevance }),
  ...(e.soft !== undefined && { "eval/soft_truth": e.soft }),
  ...(e.softModel !== undefined && { "eval/soft_model": e.softModel }),
  ...(e.probe !== undefined && { "eval/probe": e.probe })
})
const scoreNames: Readonly<Record<Config["eval"]["score"], string>> = {
  promptStrict: "eval/prompt_strict",
  instructionStrict: "eval/instruction_strict",
  formatRate: "eval/format_rate",
  relevance: "eval/relevance"
}

/** Of everything but where the run lives and how long it goes on: a rollout made under another config is made again. */
const fingerprintOf = ({ checkpoint: _checkpoint, eval: _eval, metrics: _metrics, run: _run, ...config }: Config) =>
  createHash("sha256").update(JSON.stringify(config)).digest("hex")

const program = Effect.fnUntraced(function*(config: Config, { resumed }: RunOptions, overrides: TrainOverrides | undefined) {
  yield* checkTogether(config)
  const folder = yield* RunFolder
  const display = yield* Display
  const fs = yield* FileSystem.FileSystem
  const began = yield* Clock.currentTimeMillis
  const latest = resumed ? yield* (yield* Checkpoints).latest : undefined
  const saved = yield* stateOf("train", isTrainState, latest)
  const trained = yield* loadPolicyModel(config, latest?.directory, {
    references: referencesOf(config),
    rows: Math.min(config.rollout.rows, config.rollout.promptsPerStep * config.rollout.groupSize),
    judge: yield* judgeSize(config)
  })
  const { adapter, model } = trained
  const completed = latest?.step ?? 0
  const key = (step: number) => ({ step, fingerprint: fingerprintOf(config) })
  const kept = resumed ? yield* readRollout(folder.rollout, key(completed + 1)) : undefined
  // An adapter's reference is the model under it.
  const reference = referencesOf(config) > 0 && adapter === undefined
    ? (yield* loadWeights(modelDirectory(config.model.path))).parameters
    : undefined
  const maxLength = maxLengthOf(config, model)
  const encoder = promptEncoder(config, model)

  const originals = yield* trainingPrompts(config)
  const rows = yield* scheduledPrompts(config, originals)
  const heldOut = yield* heldOutPrompts(config, rows)
  const evaluated = saved?.before.strict.length ?? heldOut.length
  if (evaluated !== heldOut.length) {
    const remedy = "resume with the data.heldOut and eval.prompts of the run"
    yield* refuse("held-out prompts", heldOut.length, `but the run was evaluated on ${evaluated} before its first step`, remedy)
  }
  // What is too long is found now, not by the step that comes to it.
  yield* Effect.forEach([...rows, ...heldOut], encoder.encode, { discard: true })
  const probe = yield* probePrompts(config)
  const soft = config.reward.soft === "model" ? yield* softModelOf(config, originals, folder.directory, latest === undefined ? model : undefined) : undefined
  const plausible = rewardsReadReference(config)
    ? yield* referenceLogProbs({
      config: model.config,
      parameters: reference ?? model.parameters,
      maxLength,
      microBatch: packOf(config),
      encode: encoder.encode
    })
    : undefined
  const { promptsPerStep } = config.rollout
  const schedule = { span: config.train.steps * promptsPerStep, ...config.curriculum }

  const { learningRate, maxGradNorm, weightDecay } = config.optimizer
  const artifacts = trainingArtifacts(config, model.config, policyLoss(config), trained.adapter?.shape)
  const own = Layer.mergeAll(
    Policy.layer({
      model,
      artifacts,
      weightDecay,
      adapter,
      base: baseOf(config),
      ...(needsReference(config.objective) && reference !== undefined && { reference })
    }),
    Rollout.layer({ model: rolloutModel(trained), rows: config.rollout.rows, maxLength }),
    rewardsLayer(config, { tokenizer: model.tokenizer, rewardModel: soft?.directory, referenceLogProbs: plausible }),
    Prompts.layer(rows, schedule, kept?.cursor ?? saved?.cursor).pipe(
      Layer.catch((error) => Layer.effect(Prompts, Effect.fail(saved === undefined ? error : otherPrompts(folder.directory, error))))
    ),
    metricSinks(config, folder)
  )
  const layers = (overrides === undefined ? own : Layer.provideMerge(overrides, own)).pipe(
    Layer.provideMerge(telemetry(config, folder.directory))
  )

  return yield* Effect.gen(function*() {
    const policy = yield* Policy
    const checkpoints = yield* Checkpoints
    if (latest !== undefined) yield* policy.restoreOptimizer(latest.directory)
    yield* (yield* Metrics).rewind(saved?.pending === undefined ? completed : completed - 1)
    yield* folder.rewindCompletions(completed)
    yield* folder.keepConfig

    const measure = (label: string) =>
      evaluate(heldOut, encoder, config, (done, total) => display.activity(label, done, total), probe).pipe(
        Effect.flatMap((found) => soft === undefined ? Effect.succeed(found) : withSoftOpinion(heldOut, found, config))
      )
    yield* display.begin("train", config.train.steps, policyColumns, completed)
    const before = saved?.before ?? (yield* measure("before: held-out prompts"))
    const { score } = config.eval
    if (config.checkpoint.final === "best" && evaluationMetrics(before.evaluation)[scoreNames[score]] === undefined) {
      yield* refuse("eval.score", score, "which nobody knows of these held-out prompts, so that none is the best", "set another, or checkpoint.final to last")
    }

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
      minibatchPrompts: config.train.minibatchPrompts,
      epochs: config.train.epochs,
      oldLogProbs: config.train.oldLogProbs,
      degenerate: config.degenerate,
      overlong: config.overlong,
      guards: config.guards,
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
    let guards = saved?.guards ?? guardStart
    let stop: Stop | undefined
    const elapsed = Clock.currentTimeMillis.pipe(Effect.map((now) => (saved?.seconds ?? 0) + (now - began) / 1000))
    const state = elapsed.pipe(Effect.map((seconds): TrainState => ({
      cursor,
      before: { evaluation: before.evaluation, strict: before.strict },
      seconds,
      guards
    })))
    const prepare = (step: number) =>
      kept !== undefined && step === completed + 1
        ? Effect.as(display.line(`step ${step} goes on with the rollout that it had`), kept)
        : Effect.tap(collect(options, step), (collected) => writeRollout(folder.rollout, key(step), collected))
    const update = Effect.fnUntraced(function*(step: number, collected: Collected) {
      const metrics = yield* learn(options, step, collected)
      cursor = collected.cursor
      const guarded = guard(config.guards, guards, step, metrics)
      guards = guarded.state
      stop = guarded.stop
      yield* folder.appendCompletions(collected.episodes.map((episode) => record(step, episode)))
      const shown = collected.episodes[step % collected.episodes.length]
      if (shown !== undefined) {
        yield* display.sample({ prompt: shown.row.prompt, completion: shown.text, reward: shown.reward.value })
      }
      return metrics
    })
    /** What was warned of already: a person is told once. */
    const warned = new Set<string>()
    const warn = (step: number, metrics: MetricRecord) =>
      Effect.forEach(Object.entries(warnings(metrics)), ([about, text]) =>
        warned.has(about) ? Effect.void : Effect.suspend(() => {
          warned.add(about)
          return display.line(`warning: step ${step}: ${text}`)
        }), { discard: true })
    const stopAfter = (step: number, _metrics: MetricRecord, seconds: number) =>
      stop ?? budgetStop(config, completed, step, spent + seconds)
    const spent = ((yield* Clock.currentTimeMillis) - began) / 1000
    const loop = yield* runLoop({
      completed,
      steps: config.train.steps,
      prepare,
      update,
      pending: saved?.pending,
      checkpoint: (step, score, pending) =>
        state.pipe(
          Effect.flatMap((s) => checkpoints.save(step, { ...s, ...(pending !== undefined && { pending }) }, policy.save, score)),
          Effect.asVoid
        ),
      checkpointEvery: config.checkpoint.every,
      evaluateEvery: config.eval.every,
      evaluate: () => measure("held-out prompts").pipe(Effect.map(({ evaluation }) => evaluationMetrics(evaluation))),
      scoreOf: (evaluation) => evaluation[scoreNames[config.eval.score]],
      bestScore: completed === 0 ? undefined : (yield* checkpoints.best)?.score,
      onStep: (step, metrics) => Effect.andThen(display.step(step, metrics), warn(step, metrics)),
      stopAfter
    })
    yield* fs.remove(folder.rollout, { force: true })
    const best = yield* checkpoints.best
    if (config.checkpoint.final === "best" && best !== undefined && best.step !== loop.completed) {
      yield* adoptCheckpoint(trained, best.directory)
    }
    const after = yield* measure("after: held-out prompts")
    yield* savePolicyModel(config, trained, folder)
    const gain = bootstrapDifference(before.strict, after.strict, { seed: config.eval.seed })
    const summary = {
      before: before.evaluation,
      after: after.evaluation,
      gain,
      seconds: yield* elapsed,
      steps: loop.completed,
      ...(loop.stopped !== undefined && { stopped: loop.stopped }),
      ...(best?.score !== undefined && { best: { step: best.step, score: best.score } }),
      ...(soft?.summary !== undefined && { rewardModel: soft.summary }),
      model: folder.model,
      ...(adapter !== undefined && { adapter: folder.adapter })
    }
    const text = [
      ...(soft?.summary === undefined ? [] : [printSoftModel(soft.summary)]),
      printEvaluations({ before: before.evaluation, after: after.evaluation }),
      `prompt-level gain ${gain.difference.toFixed(3)}, 95% interval ${gain.low.toFixed(3)} to ${gain.high.toFixed(3)}, ` +
      `over ${heldOut.length} held-out prompts`,
      ...(best === undefined ? [] : [
        `best ${config.eval.score} ${best.score!.toFixed(3)} after step ${best.step}` +
        (config.checkpoint.final === "best" ? ", whose weights the run ends with" : `, kept in ${best.directory}`)
      ]),
      ...(loop.stopped === undefined ? [] : [`ended early: ${loop.stopped}`]),
      `${loop.completed} steps in ${summary.seconds.toFixed(0)} s; model in ${folder.model}`
    ].join("\n")
    return { summary, text }
  }).pipe(Effect.provide(layers))
})

/** `ifrl train`, with `overrides` in the places of the services that they name. */
export const makeTrain = (overrides?: TrainOverrides) =>
  runCommand("train", {
    description: "Train a model with GRPO to follow the constraints of its prompts",
    embedded: true,
    makesPairs: trainsRewardModel,
    work: trainWork,
    units: trainUnits,
    program: (config, options) =>
      Effect.scoped(Effect.suspend(() => program(config, options, overrides))).pipe(
        Effect.provide(runtimeLayer(config)),
        Effect.provide(Layer.unwrap(Effect.map(RunFolder, (folder) => Checkpoints.layer(folder.checkpoints, config.checkpoint.keep))))
      )
  })

export const train = makeTrain()
