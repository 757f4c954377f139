// GRPO on one page: what `ifrl train` does, written out over the public functions of @ifrl/*. The trainer puts
// checkpoints, metrics, guards and an evaluation around it; a test compares the weights of the two after three steps,
// byte for byte.
//
//   npm run build && npx tsx examples/grpo-loop.ts MODEL_FOLDER PROMPTS.jsonl OUT_FOLDER
import { NodeServices } from "@effect/platform-node"
import { generateArtifacts } from "@ifrl/artifacts"
import { loadPrompts, type PromptRow, Prompts } from "@ifrl/curriculum"
import { batchAdvantages, objectiveConfig, objectiveLoss, objectiveScalars, tokenWeights } from "@ifrl/grpo"
import { decoderGraph, loadModel, saveModel } from "@ifrl/models"
import { Rollout } from "@ifrl/rollout"
import { Runtime } from "@ifrl/runtime"
import { packMicroBatches, Policy, type TrainingRow } from "@ifrl/train"
import { answerAfterThink, verify } from "@ifrl/verifiers"
import { Console, Effect, Layer } from "effect"
import { argv } from "node:process"
import { pathToFileURL } from "node:url"

export const defaults = {
  steps: 3,
  promptsPerStep: 4,
  groupSize: 4,
  maxTokens: 64,
  learningRate: 1e-4,
  maxGradNorm: 1,
  seed: 0
}

/** The share of a prompt's constraints that an answer follows; undefined where a constraint cannot be decided. */
const reward = ({ instruction_id_list, kwargs }: PromptRow, answer: string): number | undefined => {
  const verdicts = instruction_id_list.map((id, i) => verify({ id, kwargs: kwargs[i] }, answer))
  if (verdicts.some((verdict) => verdict._tag === "Undecided")) return undefined
  return verdicts.filter((verdict) => verdict._tag === "Decided" && verdict.followed).length / verdicts.length
}

export const grpo = Effect.fn("grpo")(function*(
  modelFolder: string,
  promptFile: string,
  out: string,
  settings = defaults
) {
  const { groupSize: G, learningRate, maxGradNorm, maxTokens, promptsPerStep, seed, steps } = settings
  const objective = objectiveConfig({ name: "grpo", clipLow: 0.2, clipHigh: 0.2 })
  const model = yield* loadModel(modelFolder)
  const maxLength = model.config.maxPositions
  const { tokenizer } = model

  // The graphs: forward, loss, backward and AdamW. Sampling and training work on the very same weights.
  const graph = decoderGraph(model.config, { maxLength })
  const artifacts = generateArtifacts({ model: graph, loss: objectiveLoss(objective) })
  const services = Layer.mergeAll(
    Policy.layer({ model, artifacts, weightDecay: 0 }),
    Rollout.layer({ model, rows: 64, maxLength }),
    Prompts.layer(yield* loadPrompts(promptFile), { name: "shuffled", seed, replay: 0, span: steps * promptsPerStep })
  )

  yield* Effect.gen(function*() {
    const [policy, prompts, rollout] = [yield* Policy, yield* Prompts, yield* Rollout]
    for (let step = 1; step <= steps; step++) {
      // 1. Prompts, and a group of G responses to each.
      const rows = yield* prompts.next(promptsPerStep)
      const questions = rows.map(({ prompt }) =>
        tokenizer.applyChatTemplate([{ role: "user", content: prompt }], { addGenerationPrompt: true }))
      const completions = yield* rollout.generate(
        rows.map(({ id }, i) =>
          ({ id: `${i}:${id}`, promptTokens: questions[i]!, count: G, maxTokens, key: { seed, step } })),
        { temperature: 1, stopTokens: tokenizer.eosIds }
      )

      // 2. What each is worth, and how that compares with the others of its group.
      const texts = completions.map(({ tokens }) => tokenizer.decode(tokens, { skipSpecial: true }))
      const answers = texts.map((text) => answerAfterThink(text) ?? "")
      const rewards = rows.map((row, i) => answers.slice(i * G, (i + 1) * G).map((answer) => reward(row, answer)))
      const advantages = batchAdvantages(rewards, objective.advantage).flatMap((group) => group.advantages)
      const decided = rewards.flat().map((value) => value !== undefined)

      // 3. Rows to learn from. By the weights the loss is a mean over all tokens of the step, in any micro-batches.
      const lengths = completions.map(({ tokens }, i) => decided[i] ? tokens.length : 0)
      const weights = tokenWeights(lengths, objective.aggregation, maxTokens)
      const training = completions.flatMap(({ logProbs, tokens }, i): Array<TrainingRow> => {
        const question = questions[Math.floor(i / G)]!
        const fields = {
          weights: weights[i]!,
          advantages: new Float32Array(tokens.length).fill(advantages[i]!),
          old_log_probs: logProbs
        }
        const sequence = Int32Array.of(...question, ...tokens)
        return lengths[i] === 0 ? [] : [{ id: `${i}`, tokens: sequence, promptLength: question.length, fields }]
      })

      // 4. Gradients add up over the micro-batches; then one step of AdamW, in place.
      let loss = 0
      for (const batch of packMicroBatches(training, { maxTokens: 4096 })) {
        loss += (yield* policy.accumulate(batch, objectiveScalars(objective))).loss
      }
      const learnt = advantages.some((advantage) => advantage !== 0)
      const { gradNorm } = learnt ? yield* policy.update({ learningRate, maxGradNorm }) : { gradNorm: 0 }

      const known = rewards.flat().filter((value) => value !== undefined)
      const mean = known.reduce((a, b) => a + b, 0) / known.length
      const numbers = [`reward ${mean.toFixed(3)}`, `loss ${loss.toFixed(5)}`, `gradient ${gradNorm.toFixed(3)}`]
      yield* Console.log(`step ${step}  ${numbers.join("  ")}`)
    }
  }).pipe(Effect.provide(services))
  yield* saveModel(out, model)
}, Effect.scoped)

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const [modelFolder = "", promptFile = "", out = ""] = argv.slice(2)
  const services = Layer.merge(Runtime.layer(), NodeServices.layer)
  await Effect.runPromise(grpo(modelFolder, promptFile, out).pipe(Effect.provide(services)))
}
