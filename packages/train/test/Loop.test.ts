import { describe, expect, test } from "@jest/globals"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { type LoopOptions, type MetricRecord, Metrics, runLoop, TrainError } from "../src/index.ts"

const harness = (overrides: Partial<LoopOptions<number, never, never, never, never, never, never>> = {}) => {
  const checkpoints: Array<number> = []
  const records: Array<{ step: number } & MetricRecord> = []
  const state = { weight: 0 }
  const loop = runLoop<number, never, never, never, never, never, never>({
    completed: 0,
    steps: 5,
    prepare: (step) => Effect.succeed(step),
    update: (_, x) => Effect.sync(() => ({ weight: state.weight += x })),
    checkpoint: (step) => Effect.sync(() => void checkpoints.push(step)),
    checkpointEvery: 2,
    ...overrides
  }).pipe(Effect.provide(Metrics.layerMemory(records)))
  return { checkpoints, records, state, loop }
}

describe("runLoop", () => {
  test("records every step and checkpoints on schedule and at the end", async () => {
    const h = harness()
    const result = await Effect.runPromise(h.loop)
    expect(result.completed).toBe(5)
    expect(h.checkpoints).toEqual([2, 4, 5])
    expect(h.records.map((r) => [r.step, r.weight])).toEqual([[1, 1], [2, 3], [3, 6], [4, 10], [5, 15]])
  })

  test("goes on after the completed step", async () => {
    const h = harness({ completed: 3 })
    await Effect.runPromise(h.loop)
    expect(h.records.map((r) => r.step)).toEqual([4, 5])
  })

  test("an interruption during an update finishes it, then writes its checkpoint", async () => {
    const entered = Deferred.makeUnsafe<void>()
    const state = { weight: 0 }
    const h = harness({
      update: (step, x) =>
        Effect.gen(function*() {
          if (step === 3) {
            yield* Deferred.succeed(entered, undefined)
            yield* Effect.sleep("20 millis")
          }
          state.weight += x
          return { weight: state.weight }
        })
    })
    const exit = await Effect.runPromise(Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(h.loop)
      yield* Deferred.await(entered)
      yield* Fiber.interrupt(fiber)
      return yield* Fiber.await(fiber)
    }))
    expect(Exit.isFailure(exit)).toBe(true)
    expect(state.weight).toBe(6)
    expect(h.checkpoints).toEqual([2, 3])
    expect(h.records.map((r) => [r.step, r.weight])).toEqual([[1, 1], [2, 3], [3, 6]])
  })

  /** Runs `loop` and interrupts it as soon as `entered` is done. */
  const interruptAt = <E>(entered: Deferred.Deferred<void>, loop: Effect.Effect<unknown, E>) =>
    Effect.runPromise(Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(loop)
      yield* Deferred.await(entered)
      yield* Fiber.interrupt(fiber)
    }))
  const stuck = (entered: Deferred.Deferred<void>) => Effect.andThen(Deferred.succeed(entered, undefined), Effect.never)

  test("an interruption during an evaluation: the resumed run evaluates and records that step, and goes on", async () => {
    const entered = Deferred.makeUnsafe<void>()
    const saved: Array<readonly [step: number, score: number | undefined, pending: MetricRecord | undefined]> = []
    const evaluated = {
      checkpointEvery: 0,
      checkpoint: (...args: readonly [number, number | undefined, MetricRecord | undefined]) => Effect.sync(() => void saved.push(args)),
      evaluateEvery: 2,
      scoreOf: (evaluation: MetricRecord) => evaluation["eval/strict"]
    }
    const broken = harness({ ...evaluated, evaluate: () => stuck(entered) })
    await interruptAt(entered, broken.loop)
    expect(broken.records.map((r) => r.step)).toEqual([1])
    const [step, score, pending] = saved.pop()!
    expect([step, score, pending?.weight]).toEqual([2, undefined, 3])
    const resumed = harness({ ...evaluated, evaluate: (at) => Effect.succeed({ "eval/strict": 1 / at }), completed: 2, pending })
    await Effect.runPromise(resumed.loop)
    expect(resumed.records.map((r) => [r.step, r["eval/strict"]])).toEqual([[2, 1 / 2], [3, undefined], [4, 1 / 4], [5, undefined]])
    expect(resumed.records[0]!.weight).toBe(3)
    expect(saved).toEqual([[2, 1 / 2, undefined], [5, undefined, undefined]])
  })

  test("an interruption while the last checkpoint is written has it written all the same", async () => {
    const entered = Deferred.makeUnsafe<void>()
    const tried: Array<number> = []
    const h = harness({
      checkpointEvery: 0,
      checkpoint: (step) => tried.push(step) === 1 ? stuck(entered) : Effect.void
    })
    await interruptAt(entered, h.loop)
    expect(tried).toEqual([5, 5])
  })

  test("a failure leaves a checkpoint of the last completed step, unless the update itself has failed", async () => {
    const failure = new TrainError({ operation: "reward", subject: "step 4", reason: "too many failed", remedy: "look" })
    const failing = (where: "prepare" | "update") => {
      const checkpoints: Array<number> = []
      const loop = runLoop({
        completed: 0,
        steps: 5,
        prepare: (step) => where === "prepare" && step === 4 ? Effect.fail(failure) : Effect.void,
        update: (step) => where === "update" && step === 4 ? Effect.fail(failure) : Effect.succeed({ step }),
        checkpoint: (step) => Effect.sync(() => void checkpoints.push(step)),
        checkpointEvery: 2
      }).pipe(Effect.provide(Metrics.layerMemory([])))
      return Effect.runPromise(Effect.map(Effect.flip(loop), (error) => ({ error, checkpoints })))
    }
    expect(await failing("prepare")).toEqual({ error: failure, checkpoints: [2, 3] })
    expect(await failing("update")).toEqual({ error: failure, checkpoints: [2] })
  })

  test("stopAfter ends the run with a checkpoint and its reason", async () => {
    const h = harness({ stopAfter: (step) => step === 3 ? { reason: "budget" } : undefined })
    expect(await Effect.runPromise(h.loop)).toMatchObject({ completed: 3, stopped: "budget" })
    expect(h.checkpoints).toEqual([2, 3])
  })

  test("a stop that is a failure fails after the checkpoint", async () => {
    const failure = new TrainError({ operation: "train", subject: "step 3", reason: "nothing was trained", remedy: "look" })
    const h = harness({ stopAfter: (step) => step === 3 ? { reason: "idle", failure } : undefined })
    expect(await Effect.runPromise(Effect.flip(h.loop))).toBe(failure)
    expect(h.checkpoints).toEqual([2, 3])
  })

  test("evaluations are part of their step's record, and one that is better than all before makes a checkpoint", async () => {
    const scored: Array<readonly [number, number | undefined]> = []
    const scores = [0, 0.3, 0.2, 0.5, 0.5]
    const h = harness({
      checkpointEvery: 3,
      checkpoint: (step, score) => Effect.sync(() => void scored.push([step, score])),
      evaluate: (step) => Effect.succeed({ "eval/strict": scores[step - 1]! }),
      evaluateEvery: 1,
      scoreOf: (evaluation) => evaluation["eval/strict"],
      bestScore: 0.25
    })
    await Effect.runPromise(h.loop)
    expect(scored).toEqual([[2, 0.3], [3, 0.2], [4, 0.5], [5, 0.5]])
    expect(h.records.map((r) => r["eval/strict"])).toEqual(scores)
    expect(h.records[2]).toHaveProperty(["timing_s/evaluate"])
    expect(h.records[2]).toHaveProperty(["timing_s/checkpoint"])
  })
})
