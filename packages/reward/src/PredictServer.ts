// The reward model over HTTP. `POST /predict` takes and gives what the paper's released service does, one pair a request;
// `POST /predict/batch` scores many in one phase, which is what a trainer should use.
import { Effect, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { RewardModel } from "./RewardModel.ts"
import type { RewardPair } from "./RewardTemplate.ts"

/** A response (`answer`) and the constraint it is judged by (`question`), in the words of the released service. */
export const PredictRequest = Schema.Struct({
  question: Schema.String,
  answer: Schema.String,
  /** Read by models whose template names it. */
  instruction: Schema.optionalKey(Schema.String)
})
export type PredictRequest = typeof PredictRequest.Type

export const PredictBatchRequest = Schema.Struct({ pairs: Schema.Array(PredictRequest) })

const pairOf = ({ answer, instruction, question }: PredictRequest): RewardPair => ({ constraint: question, response: answer, instruction })

/** Three decimals, as the released service rounds. */
const rounded = (p: number): number => Math.round(1000 * p) / 1000

/** `value`, the probability that the constraint is followed, rounded to three decimals; `pred`, 1 where it is the likelier class. */
const verdictOf = (p: number) => ({ value: rounded(p), pred: p > 0.5 ? 1 : 0 })

const failed = (status: number) => (error: { readonly message: string }) =>
  Effect.succeed(HttpServerResponse.jsonUnsafe({ error: error.message }, { status }))

const scoring = <A, E extends { readonly message: string }, R>(
  body: Effect.Effect<A, E, R>,
  pairsOf: (request: A) => ReadonlyArray<RewardPair>,
  reply: (request: A, scores: ReadonlyArray<number>) => unknown
) =>
  body.pipe(
    Effect.matchEffect({
      onFailure: failed(400),
      onSuccess: (request) =>
        RewardModel.use((model) => model.score(pairsOf(request))).pipe(
          Effect.map((scores) => HttpServerResponse.jsonUnsafe(reply(request, scores))),
          Effect.catch(failed(500))
        )
    })
  )

const predict = scoring(
  HttpServerRequest.schemaBodyJson(PredictRequest),
  (request) => [pairOf(request)],
  ({ answer, question }, [p]) => ({ ...verdictOf(p!), question, answer })
)

const predictBatch = scoring(
  HttpServerRequest.schemaBodyJson(PredictBatchRequest),
  ({ pairs }) => pairs.map(pairOf),
  (_, scores) => ({ predictions: scores.map(verdictOf) })
)

const health = RewardModel.use(({ counts, name, readsInstruction }) =>
  Effect.map(counts, (counts) => HttpServerResponse.jsonUnsafe({ model: name, readsInstruction, ...counts }))
)

/** Routes of the RewardModel of the environment, for `HttpRouter.serve`. */
export const predictRoutes = HttpRouter.addAll([
  HttpRouter.route("POST", "/predict", predict),
  HttpRouter.route("POST", "/predict/batch", predictBatch),
  HttpRouter.route("GET", "/health", health)
])
