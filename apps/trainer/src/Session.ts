// What every command with a model does first: load it, find its limits, and turn prompts into its tokens.
import type { PromptRow } from "@ifrl/curriculum"
import type { Model, ModelError } from "@ifrl/models"
import type { PackOptions } from "@ifrl/train"
import { Effect } from "effect"
import { CommandError } from "./CommandError.ts"
import type { Config } from "./Config.ts"
import type { PromptEncoder } from "./Evaluation.ts"
import { longestSequence } from "./Units.ts"

/** Tokens of prompt and completion together, at most. */
export const maxLengthOf = (config: Config, model: Model): number => longestSequence(config, model.config)

export const packOf = ({ train }: Config): PackOptions => ({
  maxTokens: train.microBatchTokens,
  ...(train.microBatchRows > 0 && { maxRows: train.microBatchRows })
})

/** Prompts as the model's chat template writes them. */
export const promptEncoder = (config: Config, model: Model): PromptEncoder => ({
  encode: (row: PromptRow) =>
    Effect.try({
      try: () => {
        const system = config.data.system === "" ? [] : [{ role: "system", content: config.data.system }]
        return model.tokenizer.applyChatTemplate([...system, { role: "user", content: row.prompt }], {
          addGenerationPrompt: true
        })
      },
      catch: (cause) => {
        const error = cause as ModelError
        return new CommandError({ operation: "prompt", subject: `row ${row.id}`, reason: error.message, remedy: error.remedy, cause })
      }
    }).pipe(Effect.filterOrFail(
      (tokens) => tokens.length < maxLengthOf(config, model),
      (tokens) =>
        new CommandError({
          operation: "prompt",
          subject: `row ${row.id}`,
          reason: `its ${tokens.length} tokens leave no room in a context of ${maxLengthOf(config, model)}`,
          remedy: "shorten or remove the row, or raise model.maxLength if the model allows"
        })
    )),
  decode: (tokens) => model.tokenizer.decode(tokens, { skipSpecial: true }),
  stopTokens: model.tokenizer.eosIds
})
