import { describe, expect, test } from "@jest/globals"
import { loadModel } from "@ifrl/models"
import type { Tensor } from "@ifrl/runtime"
import { Effect, FileSystem } from "effect"
import { packMicroBatches, type PackOptions, type Trainable, type TrainingRow } from "../src/index.ts"
import { freshModel, layers, someRows, trainable } from "./support.ts"

const run = <A, E>(effect: Effect.Effect<A, E, any>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect).pipe(Effect.provide(layers)) as Effect.Effect<A, E>)

const flat = (tensors: ReadonlyMap<string, Tensor>) => [...tensors.values()].flatMap((t) => Array.from(t.data, Number))

const relative = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) =>
  Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0) / b.reduce((sum, x) => sum + x * x, 0))

const gradientOf = Effect.fnUntraced(function*(policy: Trainable, rows: ReadonlyArray<TrainingRow>, pack: PackOptions) {
  policy.gradients.forEach((tensor) => tensor.bytes.fill(0))
  let loss = 0
  for (const batch of packMicroBatches(rows, pack)) loss += (yield* policy.accumulate(batch)).loss
  return { loss, gradient: flat(policy.gradients) }
})

const weightsOf = (policy: Trainable) => Buffer.concat([...policy.model.parameters.values()].map((t) => Buffer.from(t.bytes)))

const steps = Effect.fnUntraced(function*(policy: Trainable, from: number, to: number) {
  const rows = someRows(16, 3)
  for (let step = from; step <= to; step++) {
    const share = rows.filter((_, i) => i % 4 === step % 4)
    for (const batch of packMicroBatches(share, { maxRows: 2 })) yield* policy.accumulate(batch)
    yield* policy.update({ learningRate: 1e-2, maxGradNorm: 1 })
  }
})

describe("makeTrainable", () => {
  test("loss and gradient do not depend on micro-batch size or padding (relative L2 below 1e-5)", () =>
    run(Effect.gen(function*() {
      const policy = yield* trainable("sft")
      const rows = someRows(7, 50)
      const whole = yield* gradientOf(policy, rows, {})
      for (const pack of [{ maxRows: 1 }, { maxRows: 2 }, { maxRows: 3 }, { multipleOf: 32 }, { maxTokens: 20, multipleOf: 7 }]) {
        const split = yield* gradientOf(policy, rows, pack)
        expect(Math.abs(split.loss - whole.loss) / whole.loss).toBeLessThan(1e-6)
        expect(relative(split.gradient, whole.gradient)).toBeLessThan(1e-5)
      }
    })))

  test("the whole loss falls under updates, and evaluation agrees with training", () =>
    run(Effect.gen(function*() {
      const policy = yield* trainable("sft")
      const rows = someRows(8, 20)
      const [batch] = packMicroBatches(rows)
      const first = yield* policy.accumulate(batch!)
      const evaluated = yield* policy.evaluate(batch!)
      expect(Math.abs(evaluated.loss - first.loss)).toBeLessThan(1e-6)
      for (let i = 0; i < 20; i++) {
        yield* policy.update({ learningRate: 3e-3, maxGradNorm: 1 })
        yield* policy.accumulate(batch!)
      }
      expect((yield* policy.evaluate(batch!)).loss).toBeLessThan(first.loss * 0.7)
    })))

  test("two runs over heavily repeated tokens on two threads are byte-equal", () =>
    run(Effect.gen(function*() {
      const once = Effect.scoped(Effect.gen(function*() {
        const policy = yield* trainable("sft")
        yield* steps(policy, 1, 6)
        return weightsOf(policy)
      }))
      const first = yield* once
      expect(first.equals(yield* once)).toBe(true)
    })))

  test("recomputation changes neither loss nor gradient", () =>
    run(Effect.gen(function*() {
      const rows = someRows(5, 50)
      const kept = yield* gradientOf(yield* trainable("sft"), rows, {})
      const recomputed = yield* gradientOf(yield* trainable("sft", { recompute: true }), rows, {})
      expect(Math.abs(recomputed.loss - kept.loss)).toBeLessThan(1e-6)
      expect(relative(recomputed.gradient, kept.gradient)).toBeLessThan(1e-6)
    })))

  test("six steps are three, a checkpoint, and three more, byte for byte", () =>
    run(Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const folder = `${yield* fs.makeTempDirectoryScoped()}/checkpoint`
      const unbroken = yield* trainable("sft")
      yield* steps(unbroken, 1, 6)
      const before = yield* trainable("sft")
      yield* steps(before, 1, 3)
      yield* before.save(folder)
      const after = yield* trainable("sft", { model: yield* loadModel(folder) })
      yield* after.restoreOptimizer(folder)
      yield* steps(after, 4, 6)
      expect(weightsOf(after).equals(weightsOf(unbroken))).toBe(true)
    })))

  test("a gradient that is not finite changes nothing and is forgotten", () =>
    run(Effect.gen(function*() {
      const policy = yield* trainable("sft", { model: yield* freshModel })
      const before = weightsOf(policy)
      const rows = someRows(2, 10)
      const [good] = packMicroBatches(rows)
      const bad = { ...good!, fields: { weights: good!.fields.weights!.map((w) => w === 0 ? 0 : NaN) } }
      yield* policy.accumulate(bad)
      expect(yield* policy.update({ learningRate: 1, maxGradNorm: 1 })).toMatchObject({ applied: false })
      expect(weightsOf(policy).equals(before)).toBe(true)
      yield* policy.accumulate(good!)
      expect(yield* policy.update({ learningRate: 1e-3, maxGradNorm: 1 })).toMatchObject({ applied: true })
      expect(weightsOf(policy).equals(before)).toBe(false)
    })))
})
