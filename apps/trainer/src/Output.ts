import { Console, Effect } from "effect"
import { Json } from "./Flags.ts"

/** A command's result: one JSON object under --json, otherwise the text for a person. */
export const printResult = Effect.fnUntraced(function*(result: object, text: string) {
  yield* Console.log((yield* Json) ? JSON.stringify(result) : text)
})
