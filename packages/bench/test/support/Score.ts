import { NodeServices } from "@effect/platform-node"
import { Effect } from "effect"
import { judge, loadSuite, matchResponses, readResponses, type RecordVerdict, type Suite, summarise, type SuiteResult } from "../../src/index.ts"

/** Score a responses file on a suite whose files lie below `directory`. */
export const score = (
  suite: Suite,
  directory: string,
  responses: string
): Promise<{ readonly result: SuiteResult; readonly verdicts: ReadonlyArray<RecordVerdict> }> =>
  Effect.runPromise(
    Effect.gen(function*() {
      const { files, records } = yield* loadSuite(suite, directory)
      const { rows, sha256 } = yield* readResponses(responses)
      const matched = yield* matchResponses(suite, records, rows, responses)
      const verdicts = yield* Effect.forEach(records, (record) => judge(suite, record, matched.byKey.get(record.key)?.response))
      const result = yield* summarise({ suite, verdicts, files, matched, source: responses, sha256, settings: {} })
      return { result, verdicts }
    }).pipe(Effect.provide(NodeServices.layer))
  )
