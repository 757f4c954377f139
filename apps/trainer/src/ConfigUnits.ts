// In what each number of the config is counted. A schema can say it by the annotation `unit` or in its sentence ("Share of ...",
// "..., in prompts"); the others are here.
import { SchemaAST } from "effect"

/** By dotted path. */
const units: Readonly<Record<string, string>> = {
  "run.maxMinutes": "minutes",
  "run.maxSteps": "steps",
  "model.maxLength": "tokens",
  "model.threads": "threads",
  "newModel.vocabSize": "tokens",
  "newModel.hiddenSize": "elements",
  "newModel.layers": "layers",
  "newModel.heads": "heads",
  "newModel.kvHeads": "heads",
  "newModel.intermediateSize": "elements",
  "newModel.maxPositions": "tokens",
  "data.demonstrations": "conversations",
  "curriculum.seed": "seed",
  "curriculum.span": "prompts",
  "curriculum.replay": "share of prompts",
  "curriculum.promote": "pass rate",
  "curriculum.reasoning": "share of prompts",
  "rollout.promptsPerStep": "prompts",
  "rollout.groupSize": "responses a prompt",
  "rollout.maxTokens": "tokens",
  "rollout.rows": "responses",
  "rollout.temperature": "divisor of logits",
  "rollout.topP": "share of probability",
  "rollout.topK": "tokens",
  "rollout.minP": "share of the likeliest probability",
  "overlong.buffer": "tokens",
  "overlong.penalty": "reward",
  "objective.clipLow": "ratio",
  "objective.clipHigh": "ratio",
  "objective.dualClip": "multiple of the advantage",
  "objective.ratioCap": "ratio",
  "objective.positiveTemperature": "per unit of ratio",
  "objective.negativeTemperature": "per unit of ratio",
  "objective.klCoefficient": "reward per nat",
  "objective.entropyCoefficient": "reward per nat",
  "objective.importance.low": "ratio",
  "objective.importance.high": "ratio",
  "objective.offPolicyLimit": "nats per token",
  "objective.aggregationRows": "responses",
  "objective.advantage.epsilon": "reward",
  "objective.advantage.tolerance": "reward",
  "optimizer.learningRate": "step per unit of normalised gradient",
  "optimizer.betas": "decay per update",
  "optimizer.epsilon": "gradient",
  "optimizer.weightDecay": "decay per update and learning rate",
  "optimizer.maxGradNorm": "global L2 norm",
  "train.steps": "steps",
  "train.seed": "seed",
  "train.minibatchPrompts": "prompts",
  "train.epochs": "passes",
  "train.microBatchTokens": "tokens",
  "train.microBatchRows": "responses",
  "train.memoryGB": "GB",
  "lora.rank": "rank",
  "lora.alpha": "multiple of 1 / rank",
  "lora.targets": "projections",
  "sft.rowsPerStep": "conversations",
  "sft.epochs": "passes",
  "checkpoint.every": "steps",
  "checkpoint.keep": "checkpoints",
  "eval.every": "steps",
  "eval.prompts": "prompts",
  "eval.temperature": "divisor of logits",
  "eval.seed": "seed",
  "eval.maxTokens": "tokens",
  "reward.relevanceWeight": "weight of a constraint",
  "reward.selfConsistencyWeight": "weight of a constraint",
  "reward.plausibilityWeight": "weight of a constraint",
  "pairs.maxSimilarity": "Dice coefficient",
  "pairs.minConfidence": "probability",
  "pairs.folds": "parts",
  "pairs.temperature": "divisor of logits",
  "rewardModel.epochs": "passes",
  "rewardModel.loraRank": "rank",
  "rewardModel.loraAlpha": "scale",
  "rewardModel.learningRate": "step per unit of normalised gradient",
  "rewardModel.weightDecay": "decay per update and learning rate",
  "rewardModel.maxGradNorm": "global L2 norm",
  "rewardModel.evaluationsPerEpoch": "looks",
  "rewardModel.patience": "looks",
  "reward.errorBudget": "share of responses",
  "reward.aggregation.scale": "largest reward"
}

/** Without the absence of a value that an optional key adds. */
const present = (ast: SchemaAST.AST): SchemaAST.AST => {
  if (!SchemaAST.isUnion(ast)) return ast
  const types = ast.types.filter((type) => !SchemaAST.isUndefined(type))
  return types.length === 1 ? types[0]! : ast
}

const literals = (ast: SchemaAST.AST): ReadonlyArray<unknown> | undefined =>
  SchemaAST.isLiteral(ast)
    ? [ast.literal]
    : SchemaAST.isUnion(ast) && ast.types.every(SchemaAST.isLiteral)
    ? ast.types.map((type) => (type as SchemaAST.Literal).literal)
    : undefined

/** What the value of a key is counted in, or what it may be; undefined for a number of which nobody says it. */
export const unitOf = (path: string, ast: SchemaAST.AST): string | undefined => {
  const type = present(ast)
  const said = SchemaAST.resolveAt<string>("unit")(ast) ?? SchemaAST.resolveAt<string>("unit")(type) ?? units[path]
  if (said !== undefined) return said
  if (SchemaAST.isBoolean(type)) return "true or false"
  if (SchemaAST.isString(type)) return "text"
  if (SchemaAST.isArrays(type) && type.rest.length > 0 && type.rest.every(SchemaAST.isString)) return "list of text"
  const sentence = SchemaAST.resolveDescription(ast) ?? ""
  return literals(type)?.map(String).join(", ") ??
    /^(share|seed)\b/i.exec(sentence)?.[1]?.toLowerCase() ??
    /, in ([a-z]+(?: a [a-z]+)?)[.,;]/.exec(sentence)?.[1]
}
