// Everything a run can be told, in one schema: a sentence and the unit of each field, its bounds and its default.
// `ifrl config` prints it, `--config FILE`, `--set a.b=c` and the named flags fill it in (see ConfigSource.ts).
import { ScheduleConfig } from "@ifrl/curriculum"
import { DegenerateConfig, ObjectiveConfig, OverlongConfig } from "@ifrl/grpo"
import { PairsConfig, RewardModelConfig, RewardsConfig } from "@ifrl/reward"
import { GuardsConfig, LearningRateSchedule } from "@ifrl/train"
import { Effect, Schema } from "effect"

const field = <S extends Schema.Top>(schema: S, value: S["Encoded"], description: string) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value))).annotate({ description })

/** A section of the config, or a schema of another package inside one; all of its fields have defaults. */
const section = <S extends Schema.Top>(schema: S, description: string) => field(schema, {} as S["Encoded"], description)

const count = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0)))
const positiveCount = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(1)))
const nonNegative = Schema.Finite.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0)))
const positive = Schema.Finite.pipe(Schema.check(Schema.isGreaterThan(0)))
const share = Schema.Finite.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 1 })))
const decay = Schema.Finite.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 1, exclusiveMaximum: true })))

/** `embedded` names what ships with this package instead of a path. */
export const embedded = "embedded"

const Run = Schema.Struct({
  folder: field(Schema.String, "runs", "Folder that holds the run folders."),
  name: field(Schema.String, "", "Name of the run's folder; empty for the command and the time."),
  maxMinutes: field(nonNegative, 0, "Minutes after which this command ends with the step in progress; 0 for no limit."),
  maxSteps: field(
    count,
    0,
    "Steps after which this command ends, a checkpoint behind it; schedules go by train.steps all the same, and --resume goes on. 0 for no limit."
  )
})

const Model = Schema.Struct({
  path: field(Schema.String, embedded, "Model folder, owner/name[@revision] of the Hugging Face Hub, or embedded for the model that ships with ifrl."),
  maxLength: field(count, 0, "Longest sequence, prompt and completion, in tokens; 0 for what the model was made for, at most 4,096."),
  threads: field(count, 0, "Threads of one run of the model; 0 for one a core."),
  fresh: field(
    Schema.Boolean,
    false,
    "Begin with a new model of the sizes in newModel and a tokenizer learnt from the conversations, instead of loading one (sft only)."
  )
})

const NewModel = Schema.Struct({
  vocabSize: field(positiveCount, 1024, "Tokens of the byte-level BPE tokenizer, special tokens included."),
  hiddenSize: field(positiveCount, 128, "Width of the residual stream."),
  layers: field(positiveCount, 4, "Decoder layers."),
  heads: field(positiveCount, 4, "Query heads; divides hiddenSize."),
  kvHeads: field(positiveCount, 2, "Key and value heads; divides heads."),
  intermediateSize: field(positiveCount, 384, "Width of the MLP."),
  maxPositions: field(positiveCount, 512, "Longest sequence, in tokens.")
})

const Data = Schema.Struct({
  prompts: field(Schema.String, embedded, "Training prompts, a JSONL file in IFEval's schema or a folder that ifrl curriculum build made."),
  heldOut: field(Schema.String, embedded, "Prompts for the evaluation before and after, a JSONL file or a curriculum folder, which gives what it holds out; none of them is trained on."),
  examples: field(Schema.String, embedded, "Conversations for supervised fine-tuning, a JSONL file of { messages }."),
  validation: field(Schema.String, embedded, "Conversations for the validation loss, a JSONL file of { messages }."),
  demonstrations: field(positiveCount, 20_000, "Conversations that the embedded world makes for supervised fine-tuning, in conversations."),
  system: field(Schema.String, "", "System message put before every prompt; empty for none."),
  thinking: field(
    Schema.Literals(["template", "on", "off"]),
    "template",
    "Whether the chat template is told to let the model think, by its variable enable_thinking (Qwen3); template leaves it to the template."
  ),
  reasoning: field(
    share,
    0,
    "Share of the embedded training prompts that are bare problems, whose reward is the right answer: what keeps reasoning from being traded away."
  )
})

const Curriculum = Schema.Struct({
  decompose: field(
    Schema.Boolean,
    true,
    "Train on every level of a prompt, its first constraint, its first two and so on, not only on the prompt itself."
  ),
  ...ScheduleConfig.fields
})

const Rollout = Schema.Struct({
  promptsPerStep: field(positiveCount, 16, "Prompts of one step, in prompts."),
  groupSize: field(
    Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(2))),
    8,
    "Responses to each prompt, in responses; advantages are relative to them, so at least 2."
  ),
  maxTokens: field(positiveCount, 256, "Longest completion, in tokens."),
  rows: field(positiveCount, 64, "Responses decoded at once, in rows of the cache."),
  temperature: field(nonNegative, 1, "Sampling temperature; 0 takes the likeliest token."),
  topP: field(share, 1, "Smallest share of probability that is kept, from the likeliest token down; 1 keeps all."),
  topK: field(count, 0, "Likeliest tokens that are kept, in tokens; 0 keeps all."),
  minP: field(share, 0, "Tokens less likely than this share of the likeliest are dropped; 0 keeps all.")
})

const Optimizer = Schema.Struct({
  learningRate: field(positive, 1e-6, "Base learning rate of AdamW, a step per unit of normalised gradient."),
  betas: field(Schema.Tuple([decay, decay]), [0.9, 0.999], "Decay of the first and of the second moment, per update."),
  epsilon: field(positive, 1e-8, "Added to the root of the second moment, in units of gradient."),
  weightDecay: field(nonNegative, 0, "Decoupled weight decay, per update and unit of learning rate; norms and biases are spared."),
  maxGradNorm: field(nonNegative, 1, "Largest global L2 norm of the gradient, longer ones are scaled down to it; 0 for no limit.")
})

const Train = Schema.Struct({
  steps: field(positiveCount, 100, "Steps of the run, each with its rollout, in steps."),
  seed: field(count, 0, "Seed of everything random: order, sampling, initialisation."),
  minibatchPrompts: field(
    count,
    0,
    "Prompts of one optimizer update at most; a rollout is cut into equal shares of them. 0 for all of it in one update."
  ),
  epochs: field(positiveCount, 1, "Passes over one rollout, in an order of their own after the first."),
  oldLogProbs: field(
    Schema.Literals(["sampler", "trainer"]),
    "sampler",
    "Whose log-probs the probability ratio starts from: the sampler's as they come, or the trainer's from a pass of its own before the first update."
  ),
  microBatchTokens: field(positiveCount, 4096, "Rows times longest row of one training run of the graph, in tokens; memory grows with it."),
  microBatchRows: field(count, 0, "Rows of one training run of the graph, in rows; 0 for as many as the tokens allow."),
  recompute: field(Schema.Boolean, false, "Compute activations again in backward: less memory, about a third more time."),
  memoryGB: field(
    nonNegative,
    0,
    "Memory that the run may take, in GB; 0 for what the system has available. A run that is estimated to need more is refused before weights are read."
  )
})

const Lora = Schema.Struct({
  rank: field(count, 0, "Rank of the adapters that are trained beside the frozen model; 0 trains the model itself."),
  alpha: field(positive, 32, "The adapters' part is scaled by alpha / rank."),
  rankStabilised: field(Schema.Boolean, false, "Scale by alpha / sqrt(rank) instead."),
  targets: field(
    Schema.Array(Schema.String).pipe(Schema.check(Schema.isMinLength(1))),
    ["all-linear"],
    "Projections that get an adapter, by name (q_proj) or by the end of one (0.mlp.up_proj); or one regular expression for whole names; all-linear for all in the layers."
  ),
  dropout: field(Schema.Literal(0), 0, "Dropout in the adapters: none, so that a step repeats.")
})

const Sft = Schema.Struct({
  rowsPerStep: field(positiveCount, 64, "Conversations of one optimizer update, in rows."),
  epochs: field(nonNegative, 0, "Passes over the examples; 0 goes by train.steps instead.")
})

const Checkpoint = Schema.Struct({
  every: field(count, 50, "Steps between checkpoints; 0 for one at the end only."),
  keep: field(count, 2, "Checkpoints kept, the newest and the best beside them; 0 keeps all."),
  final: field(
    Schema.Literals(["last", "best"]),
    "last",
    "Which weights the run ends with: those of its last step, or those of the evaluation during training (eval.every) with the best eval.score."
  )
})

const Eval = Schema.Struct({
  every: field(count, 0, "Steps between evaluations during training; 0 for only before and after."),
  score: field(
    Schema.Literals(["promptStrict", "instructionStrict", "relevance", "formatRate"]),
    "promptStrict",
    "What the best checkpoint is best at, on the held-out prompts."
  ),
  prompts: field(count, 0, "Held-out prompts that are judged, in prompts; 0 for all."),
  probe: field(count, 0, "Bare problems of the embedded world that probe reasoning apart from constraints, in prompts; 0 for none."),
  temperature: field(nonNegative, 1, "Sampling temperature of the evaluation; 0 takes the likeliest token."),
  seed: field(count, 0, "Seed of the evaluation's sampling, the same before and after."),
  maxTokens: field(count, 0, "Longest completion in the evaluation, in tokens; 0 for rollout.maxTokens.")
})

const Metrics = Schema.Struct({
  tensorBoard: field(Schema.Boolean, false, "Write TensorBoard event files to the run folder's tensorboard/, beside metrics.jsonl."),
  otlp: field(
    Schema.String,
    "",
    "Base URL of an OpenTelemetry collector (OTLP over HTTP with JSON, such as http://localhost:4318) that gets metrics and spans; empty for none."
  )
})

const Reward = Schema.Struct({
  relevanceWeight: field(nonNegative, 0, "Weight of answering the instruction's content beside weight 1 for each constraint."),
  thought: field(
    Schema.Literals(["required", "optional"]),
    "required",
    "Whether a completion needs a thought that ends with </think> before its answer; optional for models that do not think."
  ),
  rules: field(Schema.Boolean, true, "Judge hard constraints by their rules; off leaves them out."),
  soft: field(
    Schema.Literals(["truth", "model", "none"]),
    "truth",
    "What judges soft constraints: truth is the embedded world's own knowledge of them (abstains on other data); model is the reward model, see rewardModel.path; none leaves them out."
  ),
  softScore: field(
    Schema.Literals(["probability", "binary"]),
    "probability",
    "Of a soft constraint that the reward model judges: its probability, or 1 from a half on and else 0."
  ),
  selfConsistencyWeight: field(
    nonNegative,
    0,
    "Internal signal: weight of agreeing with the final answers of the other responses to the prompt, where it asks for one; 0 leaves it out."
  ),
  plausibilityWeight: field(
    nonNegative,
    0,
    "Internal signal: weight of the plausibility of the thought's steps, exp of their mean log-probability (see plausibilityUnder); 0 leaves it out."
  ),
  plausibilityUnder: field(
    Schema.Literals(["policy", "reference"]),
    "policy",
    "Whose log-probability, at temperature 1, says how plausible a step is: the policy's that wrote it, or that of the reference, the weights that the run starts from, which cannot grow sure of itself but costs a second copy of the weights and a pass over every response."
  ),
  shuffle: field(
    Schema.Boolean,
    false,
    "Control experiment: rewards change places at random within each group, so that nothing can be learnt from them."
  ),
  ...RewardsConfig.fields
})

const Pairs = Schema.Struct({
  ...PairsConfig.fields,
  prompts: field(count, 0, "Prompts with soft constraints that pairs are made from, in prompts; 0 for all."),
  temperature: field(nonNegative, 1, "Sampling temperature of the responses."),
  without: field(Schema.Array(Schema.String), [], "Ids or texts of soft constraints that no pair is made for, to measure on constraints never trained on.")
})

const RewardModel = Schema.Struct({
  path: field(Schema.String, "", "Reward model folder to use; empty to train one from the policy's own pairs before the run."),
  base: field(Schema.String, "", "Model that the reward model starts from, named as in model.path: a folder, owner/name[@revision] of the Hugging Face Hub, or embedded; empty for the policy's own."),
  ...RewardModelConfig.fields
})

export const Config = Schema.Struct({
  run: section(Run, "Where a run lives and how long it may take."),
  model: section(Model, "The model that is trained or used."),
  newModel: section(NewModel, "Sizes of a fresh model (Qwen2 architecture, tied embeddings)."),
  data: section(Data, "Prompts and conversations."),
  curriculum: section(Curriculum, "From easy prompts to hard ones."),
  rollout: section(Rollout, "Generation of the responses that are learnt from."),
  degenerate: section(DegenerateConfig, "Groups from which nothing can be learnt."),
  overlong: section(OverlongConfig, "Responses that are too long."),
  objective: section(ObjectiveConfig, "What the policy is trained towards."),
  optimizer: section(Optimizer, "AdamW."),
  schedule: section(LearningRateSchedule, "The learning rate over the run's updates."),
  train: section(Train, "The training loop."),
  lora: section(Lora, "Adapters of low rank in place of the whole model."),
  guards: section(GuardsConfig, "What skips an update or ends a run."),
  sft: section(Sft, "Supervised fine-tuning, the sft command."),
  checkpoint: section(Checkpoint, "What is kept of a run so that it can go on."),
  eval: section(Eval, "Evaluation on held-out prompts."),
  metrics: section(Metrics, "Where metrics go beside metrics.jsonl."),
  reward: section(Reward, "What a response is worth."),
  pairs: section(Pairs, "The policy's own answers that the reward model of soft constraints learns from."),
  rewardModel: section(RewardModel, "The reward model of soft constraints.")
}).annotate({ title: "Config" })
export type Config = typeof Config.Type
