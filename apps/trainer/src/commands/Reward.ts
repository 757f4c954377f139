// `ifrl reward`: the reward model of soft constraints, trained, asked, measured and served.
import { decodeJsonLines, type LineFault, lineFault, readJsonLines } from "@ifrl/curriculum"
import { predictRoutes, RewardModel, type RewardPair } from "@ifrl/reward"
import { Runtime } from "@ifrl/runtime"
import { NodeHttpServer } from "@effect/platform-node"
import { Clock, Console, Effect, Layer, Schema, Stdio, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { HttpRouter } from "effect/http"
import { createServer } from "node:http"
import { CommandError } from "../CommandError.ts"
import { Json } from "../Flags.ts"
import { printResult } from "../Output.ts"
import { rewardEval } from "./RewardEval.ts"
import { rewardTrain } from "./RewardTrain.ts"

const model = Flag.String("model").pipe(Flag.withDescription("Reward model folder, as `ifrl reward train` writes it"))
const threads = Flag.Int("threads").pipe(Flag.withDefault(0), Flag.withDescription("Threads of ONNX Runtime; 0 for one a core"))
const runtime = (count: number) => Runtime.layer(count === 0 ? {} : { threads: count })

// -------------------- score --------------------

const Line = Schema.Struct({
  constraint: Schema.String,
  response: Schema.String,
  instruction: Schema.optionalKey(Schema.String)
})
const refuseLine = (fault: LineFault) =>
  new CommandError({
    operation: "reward score",
    remedy: "give one JSON object { constraint, response } a line, with the instruction if the model reads it",
    ...fault
  })

const readLines = Effect.fnUntraced(function*(file: string) {
  if (file !== "-") return yield* readJsonLines(file, Line, refuseLine)
  const text = yield* (yield* Stdio.Stdio).stdin.pipe(
    Stream.decodeText(),
    Stream.mkString,
    Effect.mapError((cause) => refuseLine(lineFault(file)(cause)))
  )
  return (yield* decodeJsonLines(file, text, Line, refuseLine)).map(({ value }) => value)
})

const score = Command.make("score", {
  model,
  threads,
  pairs: Flag.String("pairs").pipe(
    Flag.withDefault("-"),
    Flag.withDescription("JSONL of { constraint, response, instruction? }; - for standard input")
  )
}, (input) =>
  Effect.gen(function*() {
    const pairs: ReadonlyArray<RewardPair> = yield* readLines(input.pairs)
    const began = yield* Clock.currentTimeMillis
    const scores = yield* RewardModel.use((rewardModel) => rewardModel.score(pairs)).pipe(
      Effect.provide(RewardModel.layer(input.model).pipe(Layer.provide(runtime(input.threads))))
    )
    const seconds = ((yield* Clock.currentTimeMillis) - began) / 1000
    if (yield* Json) return yield* printResult({ scores, seconds }, "")
    yield* Effect.forEach(scores, (p) => Console.log(p.toFixed(6)), { discard: true })
  })).pipe(Command.withDescription("Probability that each response follows its constraint, one a line"))

// -------------------- serve --------------------

const serve = Command.make("serve", {
  model,
  threads,
  host: Flag.String("host").pipe(Flag.withDefault("127.0.0.1"), Flag.withDescription("Address to listen on")),
  port: Flag.Int("port").pipe(Flag.withDefault(5000), Flag.withDescription("Port to listen on; 0 for a free one"))
}, Effect.fnUntraced(function*({ host, model, port, threads }) {
  const refuse = (reason: string, cause?: unknown) =>
    new CommandError({
      operation: "reward serve",
      subject: `${host}:${port}`,
      reason,
      remedy: "give another --port or --host; --port 0 takes a free one",
      cause
    })
  if (port < 0 || port > 65_535) return yield* refuse("a port is a number from 0 to 65535")
  return yield* Layer.launch(
    HttpRouter.serve(predictRoutes).pipe(
      Layer.provide(NodeHttpServer.layer(createServer, { host, port })),
      Layer.provide(RewardModel.layer(model)),
      Layer.provide(runtime(threads))
    )
  ).pipe(Effect.catchTag("ServeError", ({ cause }) => Effect.fail(refuse(cause instanceof Error ? cause.message : String(cause), cause))))
})).pipe(Command.withDescription("Answer POST /predict { question, answer } and POST /predict/batch { pairs } over HTTP"))

export const reward = Command.make("reward").pipe(
  Command.withDescription("The reward model of soft constraints"),
  Command.withSubcommands([rewardTrain, score, rewardEval, serve])
)
