/** Asynchronous runs: off the main thread, capped, interruptible, repeatable, and blind to garbage collections. */
import { describe, expect, jest, test } from "@jest/globals"
import { Effect, Exit, Fiber, Scope } from "effect"
import { stat } from "node:fs/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { type Binding, concurrentCalls, philox, residentMemory, Tensor } from "../src/index.ts"
import { adder, build, counter, descent, load, run, tower, using } from "./Models.ts"

// Collections are slow on a loaded machine.
jest.setTimeout(300_000)

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

const now = Effect.sync(() => performance.now())
const endless = 2n ** 62n

const random = (step: number, dims: ReadonlyArray<number>) =>
  Tensor.from("float32", dims, philox({ seed: 1, step, row: 0 }, dims.reduce((a, b) => a * b, 1)).map((u) => u - 0.5))

const hex = (tensor: Tensor) => Buffer.from(tensor.bytes).toString("hex")

/** Trains a quadratic for ten steps in place with tensors of a few bytes, which V8 would rather keep on its heap. */
const training = (between: () => void) =>
  run(Effect.gen(function*() {
    between()
    const session = yield* load(descent())
    const sum = yield* load(adder())
    between()
    const [parameter, gradient, rate] = [random(1, [3]), Tensor.zeros("float32", [3]), Tensor.scalar("float32", 0.125)]
    const binding = yield* session.bind({ inputs: { parameter, gradient, rate }, outputs: { updated: parameter } })
    const traces: Array<string> = []
    for (let step = 0; step < 10; step++) {
      gradient.data.set(parameter.data)
      const fiber = yield* Effect.forkChild(binding.run)
      yield* Effect.yieldNow
      // During the run as well as between runs; the garbage is what a collection compacts.
      traces.push(...Array.from({ length: 100 }, (_, i) => `${step}.${i}`))
      between()
      yield* Fiber.join(fiber)
      between()
      const { sum: doubled } = yield* sum.run({ a: parameter, b: parameter })
      between()
      traces.push(hex(parameter), hex(doubled!))
    }
    return traces
  }))

describe("runs", () => {
  test("do not block the event loop", async () => {
    await using(counter(), (session) =>
      Effect.gen(function*() {
        let ticks = 0
        const timer = setInterval(() => ticks++, 5)
        const start = yield* now
        yield* session.run({ x: Tensor.zeros("float32", [64]), count: Tensor.scalar("int64", 200_000) })
        const elapsed = (yield* now) - start
        clearInterval(timer)
        // A run that blocks lets no timer fire at all.
        expect(elapsed).toBeGreaterThan(50)
        expect(ticks).toBeGreaterThanOrEqual(5)
      }))
  })

  test("a forced garbage collection at start-up, during runs and between them changes nothing", async () => {
    const undisturbed = await training(() => {})
    expect(await training(collect)).toEqual(undisturbed)
    expect(undisturbed.length).toBe(10 * 102)
  })

  test("a binding alone keeps its tensors alive", async () => {
    await using(adder(), (session) =>
      Effect.gen(function*() {
        const filled = (value: number) => Tensor.from("float32", [2 ** 22], new Float32Array(2 ** 22).fill(value))
        const binding = yield* session.bind({ inputs: { a: filled(1), b: filled(2) } })
        for (let i = 0; i < 3; i++) {
          collect()
          yield* Effect.sleep(10)
          // Whatever was freed would be overwritten now.
          expect(filled(7).data[0]).toBe(7)
          const { sum } = yield* binding.run
          expect(sum!.as("float32").data.every((value) => value === 3)).toBe(true)
        }
      }))
  })

  test("two identical runs are byte-equal on two threads", async () => {
    const [x, w] = [random(2, [96, 64]), random(3, [64, 64])]
    const once = () => using(tower(64, 12), (session) => Effect.map(session.run({ x, w }), ({ y }) => hex(y!)))
    expect(await once()).toBe(await once())
  })

  test("hundreds leave no memory behind, of whatever the host or ONNX Runtime allocates", async () => {
    const mebibyte = 2 ** 20
    await using(adder(), (session) =>
      Effect.gen(function*() {
        const a = Tensor.zeros("float32", [mebibyte / 4])
        const binding = yield* session.bind({ inputs: { a, b: a } })
        const round = Effect.gen(function*() {
          for (let i = 0; i < 64; i++) {
            yield* binding.run
            yield* session.run({ a, b: a }, { sum: Tensor.zeros("float32", [mebibyte / 4]) })
          }
          collect()
          // Memory of dead ArrayBuffers is freed by a task.
          yield* Effect.sleep(20)
          collect()
          return residentMemory()
        })
        const warm = Math.max(yield* round, yield* round)
        // 256 runs more, each with a mebibyte of output: a leak of a tenth of it would show.
        const growth = Math.min(yield* round, yield* round) - warm
        expect(growth).toBeLessThan(24 * mebibyte)
      }))
  })

  test("of several fibers overlap on one session and keep their results apart", async () => {
    await using(tower(64, 4), (session) =>
      Effect.gen(function*() {
        const w = random(4, [64, 64])
        const inputs = Array.from({ length: 12 }, (_, i) => random(10 + i, [1 + i, 64]))
        const alone = yield* Effect.forEach(inputs, (x) => session.run({ x, w }))
        const together = yield* Effect.forEach(inputs, (x) => session.run({ x, w }), { concurrency: "unbounded" })
        expect(together.map(({ y }) => hex(y!))).toEqual(alone.map(({ y }) => hex(y!)))
      }))
  })

  test("of one binding take turns", async () => {
    await using(descent(), (session) =>
      Effect.gen(function*() {
        const parameter = Tensor.zeros("float32", [1000])
        const gradient = Tensor.from("float32", [1000], new Float32Array(1000).fill(-1))
        const binding = yield* session.bind({
          inputs: { parameter, gradient, rate: Tensor.scalar("float32", 1) },
          outputs: { updated: parameter }
        })
        yield* Effect.forEach(Array.from({ length: 40 }), () => binding.run, { concurrency: "unbounded", discard: true })
        expect(parameter.data.every((p) => p === 40)).toBe(true)
      }))
  })

  test("are capped, so that files stay readable while many are under way", async () => {
    await using(counter(), (session) =>
      Effect.gen(function*() {
        const inputs = { x: Tensor.zeros("float32", [1]), count: Tensor.scalar("int64", endless) }
        const runs = yield* Effect.forEach(Array.from({ length: 8 }), () => Effect.forkChild(session.run(inputs)))
        yield* Effect.sleep(50)
        // None of the runs ends by itself: with all four threads of libuv's pool taken, this would wait for ever.
        expect((yield* Effect.promise(() => stat(process.execPath))).isFile()).toBe(true)
        yield* Fiber.interruptAll(runs)
      }))
  })
})

describe("inline", () => {
  const immediates = () => process.getActiveResourcesInfo().filter((type) => type === "Immediate").length
  /** Runs, and tells whether that happened at once, with an Immediate that is to bring the result. */
  const ranInline = (binding: Binding) =>
    Effect.gen(function*() {
      const before = immediates()
      const fiber = Effect.runFork(binding.run)
      const inline = immediates() > before
      yield* Fiber.join(fiber)
      return inline
    })
  /** Whether one of many runs was inline: on a busy machine any of them may take long, and then the next one is not. */
  const everInline = (binding: Binding) =>
    Effect.gen(function*() {
      for (let i = 0; i < 200; i++) if (yield* ranInline(binding)) return true
      return false
    })
  const ones = (n: number) => Tensor.from("float32", [n], new Float32Array(n).fill(1))

  test("only what is asked for, is known to be quick, and has had its shapes before", async () => {
    await run(Effect.gen(function*() {
      const sum = Tensor.zeros("float32", [3])
      const io = { inputs: { a: ones(3), b: ones(3) }, outputs: { sum } }
      const aside = yield* Effect.flatMap(load(adder()), (session) => session.bind(io))
      expect(yield* everInline(aside)).toBe(false)

      const binding = yield* Effect.flatMap(load(adder(), { inline: true }), (session) => session.bind(io))
      expect(yield* ranInline(binding)).toBe(false)
      expect(yield* everInline(binding)).toBe(true)
      const other = ones(3)
      yield* binding.rebind({ inputs: { a: other } })
      expect(yield* everInline(binding)).toBe(true)
      const longer = Tensor.zeros("float32", [4])
      yield* binding.rebind({ inputs: { a: ones(4), b: ones(4) }, outputs: { sum: longer } })
      expect(yield* ranInline(binding)).toBe(false)
      expect(Array.from(longer.data)).toEqual([2, 2, 2, 2])
    }))
  })

  test("not after a run that took long", async () => {
    await using(counter(), (session) =>
      Effect.gen(function*() {
        const [y, count] = [Tensor.zeros("float32", [64]), Tensor.scalar("int64", 200_000)]
        const binding = yield* session.bind({ inputs: { x: ones(64), count }, outputs: { y } })
        for (let i = 0; i < 3; i++) expect(yield* ranInline(binding)).toBe(false)
      }), { inline: true })
  })

  test("timers and interruption get their turn between runs, and errors are errors", async () => {
    await using(adder(), (session) =>
      Effect.gen(function*() {
        const sum = Tensor.zeros("float32", [3])
        const binding = yield* session.bind({ inputs: { a: ones(3), b: ones(3) }, outputs: { sum } })
        const fiber = yield* Effect.forkChild(Effect.forever(binding.run))
        yield* Effect.sleep(20)
        yield* Fiber.interrupt(fiber)
        expect(Exit.hasInterrupts(yield* Fiber.await(fiber))).toBe(true)

      }), { inline: true })
    // A shape that only the run can find wrong.
    const pairs = build("pairs", (g) => {
      g.output(g.op("Reshape", [g.input("x", "float32", ["n"]), g.input("shape", "int64", [2])]), "y")
    })
    await using(pairs, (session) =>
      Effect.gen(function*() {
        const shape = Tensor.from("int64", [2], BigInt64Array.of(2n, 2n))
        const binding = yield* session.bind({ inputs: { x: ones(4), shape } })
        expect(yield* everInline(binding)).toBe(true)
        shape.data[1] = 3n
        for (let i = 0; i < 3; i++) {
          expect((yield* Effect.flip(binding.run)).message).toMatch(/session "pairs": run with x float32\[4\]: .*reshape/is)
        }
      }), { inline: true, name: "pairs" })
  })
})

describe("interruption", () => {
  test("ends a long Loop promptly, and session and binding stay usable", async () => {
    await using(counter(), (session) =>
      Effect.gen(function*() {
        const count = Tensor.scalar("int64", endless)
        const binding = yield* session.bind({ inputs: { x: Tensor.zeros("float32", [1000]), count } })
        for (let i = 0; i < 3; i++) {
          const fiber = yield* Effect.forkChild(binding.run)
          yield* Effect.sleep(30)
          const start = yield* now
          yield* Fiber.interrupt(fiber)
          // Measured 1 to 5 ms; the bound allows for a loaded machine.
          expect((yield* now) - start).toBeLessThan(500)
          expect(Exit.hasInterrupts(yield* Fiber.await(fiber))).toBe(true)
        }
        count.data[0] = 7n
        const { y } = yield* binding.run
        expect(y!.data[999]).toBe(7)
      }))
  })

  test("of a run that waits for its turn does not wait for the others", async () => {
    await using(counter(), (session) =>
      Effect.gen(function*() {
        const inputs = { x: Tensor.zeros("float32", [8]), count: Tensor.scalar("int64", endless) }
        const busy = yield* Effect.forEach(Array.from({ length: concurrentCalls }), () => Effect.forkChild(session.run(inputs)))
        yield* Effect.sleep(20)
        const waiting = yield* Effect.forkChild(session.run(inputs))
        yield* Effect.sleep(5)
        yield* Fiber.interrupt(waiting)
        yield* Fiber.interruptAll(busy)
        inputs.count.data[0] = 1n
        expect((yield* session.run(inputs))["y"]!.data[0]).toBe(1)
      }))
  })

  test("by the end of the scope: the run fails, then memory is released", async () => {
    await run(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const session = yield* Scope.provide(load(counter(), { name: "counter" }), scope)
      const fiber = yield* Effect.forkChild(
        session.run({ x: Tensor.zeros("float32", [8]), count: Tensor.scalar("int64", endless) })
      )
      yield* Effect.sleep(30)
      collect()
      yield* Scope.close(scope, Exit.void)
      const error = yield* Effect.flip(Fiber.join(fiber))
      expect(error.message).toMatch(/session "counter": run: the session was released/)
    }))
  })

  test("of a layer in the middle of a load waits for it", async () => {
    const wide = build("wide", (g) => {
      let x = g.input("x", "float32", ["n"])
      for (let i = 0; i < 500; i++) x = g.op("Tanh", [x])
      g.output(x, "y")
    })
    await run(Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.scoped(load(wide)))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      const session = yield* load(wide)
      expect((yield* session.run({ x: Tensor.zeros("float32", [2]) }))["y"]!.size).toBe(2)
    }))
  })
})
