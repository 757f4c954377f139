/** Whatever a caller gets wrong ends in a RuntimeError that names it, and the process and the session live on. */
import { describe, expect, test } from "@jest/globals"
import { decodeModel, encodeModel, stringTensor } from "@ifrl/onnx"
import { Effect, Exit, Option, Scope } from "effect"
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { libraryPath, Runtime, RuntimeError, type RuntimeOptions, type Session, Tensor } from "../src/index.ts"
import { adder, build, hungry, load, nonZero, run, using } from "./Models.ts"

const zeros = (...dims: Array<number>) => Tensor.zeros("float32", dims)

/** y = gather(table[8, D], ids[B, T]), checked = x[B, D]. */
const embedding = () =>
  build("embedding", (g) => {
    const ids = g.input("ids", "int64", ["B", "T"])
    const table = g.input("table", "float32", [8, "D"])
    g.output(g.op("Gather", [table, ids], { axis: 0 }), "y")
    g.output(g.op("Identity", [g.input("x", "float32", ["B", "D"])]), "checked")
  })

const good = () => ({ ids: Tensor.zeros("int64", [2, 3]), table: zeros(8, 4), x: zeros(2, 4) })

const refusals: ReadonlyArray<{
  readonly title: string
  readonly inputs: Record<string, Tensor | undefined>
  readonly outputs?: Record<string, Tensor>
  readonly error: Partial<RuntimeError>
  readonly message: RegExp
}> = [
  {
    title: "unknown input",
    inputs: { ...good(), idz: zeros(1) },
    error: { input: "idz" },
    message: /no input "idz".*Its inputs are "ids", "table", "x"/
  },
  {
    title: "missing input",
    inputs: { ids: good().ids, x: good().x },
    error: { input: "table", shape: { expected: "float32[8,D]", actual: "nothing" } },
    message: /input "table", float32\[8,D\], is missing/
  },
  {
    title: "wrong element type",
    inputs: { ...good(), ids: Tensor.zeros("int32", [2, 3]) },
    error: { input: "ids", shape: { expected: "int64[B,T]", actual: "int32[2,3]" } },
    message: /Make it a int64 tensor/
  },
  {
    title: "wrong rank",
    inputs: { ...good(), ids: Tensor.zeros("int64", [6]) },
    error: { input: "ids" },
    message: /rank 1.*Give it 2 dimensions/
  },
  {
    title: "wrong fixed dimension",
    inputs: { ...good(), table: zeros(9, 4) },
    error: { input: "table" },
    message: /dimension 0 is 9.*Make dimension 0 8/
  },
  {
    title: "one symbol with two sizes",
    inputs: { ...good(), x: zeros(2, 5) },
    error: { input: "x", shape: { expected: "float32[B,D]", actual: "float32[2,5]" } },
    message: /dimension 1, "D", is 5 here and 4 in "table"/
  },
  {
    title: "something that is no tensor",
    inputs: { ...good(), x: new Float32Array(8) as unknown as Tensor },
    error: { input: "x" },
    message: /expected float32\[B,D\]/
  },
  {
    title: "unknown output",
    inputs: good(),
    outputs: { z: zeros(1) },
    error: { output: "z" },
    message: /no output "z".*Its outputs are "y", "checked"/
  },
  {
    title: "output of the wrong type",
    inputs: good(),
    outputs: { checked: Tensor.zeros("float64", [2, 4]) },
    error: { output: "checked" },
    message: /output "checked" is float64\[2,4\], expected float32\[B,D\]/
  },
  {
    title: "output of the wrong size",
    inputs: good(),
    outputs: { checked: zeros(2, 3) },
    error: { output: "checked" },
    message: /"D", is 3 here and 4 in "table"/
  }
]

const check = (session: Session, outputs: Record<string, Tensor>) => {
  expect(outputs["y"]!.dims).toEqual([2, 3, 4])
  return session
}

describe("before the C call", () => {
  test.each(refusals)("$title", async ({ error, inputs, message, outputs }) => {
    await using(embedding(), (session) =>
      Effect.gen(function*() {
        const refused = yield* Effect.flip(session.run(inputs as Record<string, Tensor>, outputs ?? {}))
        expect(refused).toBeInstanceOf(RuntimeError)
        expect(refused).toMatchObject({ ...error, session: "embedding", operation: "bind" })
        expect(refused.message).toMatch(message)
        check(session, yield* session.run(good()))
      }), { name: "embedding" })
  })

  test("a tensor whose memory went to another thread", async () => {
    await using(adder(), (session) =>
      Effect.gen(function*() {
        const [a, b] = [zeros(2), zeros(2)]
        const binding = yield* session.bind({ inputs: { a, b } })
        structuredClone(b.data.buffer, { transfer: [b.data.buffer] })
        expect((yield* Effect.flip(binding.run)).message).toMatch(/ArrayBuffer of "b" was transferred away/)
        expect((yield* Effect.flip(session.run({ a, b }))).message).toMatch(/transferred away/)
        yield* session.run({ a, b: a })
      }))
  })

  test("a string input", async () => {
    const model = build("strings", (g) => {
      g.output(g.op("Identity", [g.input("text", "string", ["n"])]), "same")
    })
    await using(model, (session) =>
      Effect.gen(function*() {
        expect(session.inputs[0]).toEqual({ name: "text", type: "string", shape: ["n"] })
        const error = yield* Effect.flip(session.run({ text: zeros(1) }))
        expect(error.message).toMatch(/strings are not supported/)
      }))
  })

  test("a string output, unless it is skipped", async () => {
    const model = build("words", (g) => {
      const at = g.input("at", "int64", ["n"])
      g.output(g.op("Gather", [g.initializer("words", stringTensor([2], ["a", "b"])), at]), "word")
      g.output(g.op("Neg", [at]), "negative")
    })
    await using(model, (session) =>
      Effect.gen(function*() {
        const at = Tensor.from("int64", [1], [1])
        const error = yield* Effect.flip(session.run({ at }))
        expect(error).toMatchObject({ session: "words", operation: "bind", output: "word" })
        expect(error.message).toMatch(/output "word" is string\[n\]: strings are not supported\. Leave it out with "skip"/)
        const outputs = yield* session.run({ at }, { word: "skip" })
        expect(outputs["negative"]!.data[0]).toBe(-1n)
      }), { name: "words" })
  })

  test("a model whose output is no tensor known here, by the session's name", async () => {
    const model = decodeModel(build("cast", (g) => {
      g.output(g.op("Cast", [g.input("x", "float32", ["n"])], { to: "int8" }), "y")
    }))
    const int4 = 22
    const { node: [cast], output: [y] } = model.graph!
    cast!.attribute[0]!.i = BigInt(int4)
    Object.assign(y!.type!.value.value!, { elemType: int4 })
    const error = await run(Effect.flip(load(encodeModel(model), { name: "four bits" })))
    expect(error).toMatchObject({ session: "four bits", operation: "session", output: "y" })
  })
})

describe("by ONNX Runtime", () => {
  test("an index out of range fails the run, which names node and input shapes", async () => {
    await using(embedding(), (session) =>
      Effect.gen(function*() {
        const bad = { ...good(), ids: Tensor.from("int64", [2, 3], [0, 1, 2, 3, 99, 0]) }
        const error = yield* Effect.flip(session.run(bad))
        expect(error).toMatchObject({ session: "embedding", code: "INVALID_ARGUMENT" })
        expect(error.message).toMatch(/run with ids int64\[2,3\], table float32\[8,4\], x float32\[2,4\]/)
        expect(error.message).toMatch(/Gather/)
        check(session, yield* session.run(good()))
      }), { name: "embedding" })
  })

  test("an output buffer whose size only the run can judge", async () => {
    await using(nonZero(), (session) =>
      Effect.gen(function*() {
        const x = Tensor.from("float32", [4], [1, 0, 1, 0])
        for (const size of [1, 3]) {
          const where = Tensor.zeros("int64", [1, size])
          const error = yield* Effect.flip(session.run({ x }, { where }))
          expect(error.code).toBe("INVALID_ARGUMENT")
          expect(error.remedy).toMatch(/Bind a tensor of the computed shape/)
        }
        const where = Tensor.zeros("int64", [1, 2])
        yield* session.run({ x }, { where })
        expect(Array.from(where.data)).toEqual([0n, 2n])
      }))
  })

  test("running out of the arena's limit fails the run, not the process", async () => {
    await run(
      Effect.gen(function*() {
        const session = yield* load(hungry(), { name: "hungry" })
        const sum = (n: number) => Effect.map(session.run({ count: Tensor.from("int64", [1], [n]) }), (o) => o["sum"]!.data[0])
        expect(yield* sum(1000)).toBe(1000)
        const error = yield* Effect.flip(sum(20_000_000))
        expect(error).toMatchObject({ session: "hungry", operation: expect.stringMatching(/^run/) })
        expect(error.message).toMatch(/smaller than requested bytes of 80000000.*Raise the layer's arena limit/)
        expect(yield* sum(100_000)).toBe(100_000)
      }),
      { threads: 1, arena: { limit: 32 * 2 ** 20 } }
    )
  })

  test.each([0, -1, 1.5, NaN, 100_000])("%d threads, of a layer and of a session", async (threads) => {
    const layer = await Effect.runPromise(Effect.flip(Effect.provide(Runtime, Runtime.layer({ threads }))))
    expect(layer.message).toBe(`layer: threads is ${threads}. Use an integer from 1 to 1024`)
    const session = await run(Effect.flip(load(adder(), { name: "add", threads })))
    expect(session).toMatchObject({ session: "add", operation: "session", reason: `threads is ${threads}` })
  })

  test("a file that is not there", async () => {
    const error = await run(Effect.flip(Runtime.use((runtime) => runtime.session({ path: "/nowhere/model.onnx" }))))
    expect(error).toMatchObject({ session: "/nowhere/model.onnx", operation: "session", code: "NO_SUCHFILE" })
  })

  test("an empty model", async () => {
    const error = await run(Effect.flip(load(new Uint8Array(0), { name: "empty" })))
    expect(error).toMatchObject({ session: "empty", code: "INVALID_ARGUMENT", remedy: "Give the bytes of an ONNX file" })
  })

  test("a session entry that ONNX Runtime does not take", async () => {
    const error = await run(Effect.flip(load(adder(), { config: { "": "1" } })))
    expect(error.operation).toBe("session")
  })

  test("models cut off anywhere or with any byte overwritten load or are refused", async () => {
    const model = embedding()
    const variants = Array.from(model, (byte, i) => {
      const changed = Uint8Array.from(model)
      changed[i] = byte ^ (i % 2 === 0 ? 0xff : 0x01)
      return [model.slice(0, i), changed]
    }).flat()
    const refused = await run(Effect.gen(function*() {
      let refused = 0
      for (const variant of variants) {
        const exit = yield* Effect.exit(Effect.scoped(load(variant, { threads: 1 })))
        if (Exit.isSuccess(exit)) continue
        expect(Option.getOrThrow(Exit.findErrorOption(exit))).toBeInstanceOf(RuntimeError)
        refused++
      }
      check(yield* load(model), yield* Effect.flatMap(load(model), (session) => session.run(good())))
      return refused
    }))
    // Almost every cut, and most overwritten bytes.
    expect(refused).toBeGreaterThan(model.length)
  })
})

describe("after release", () => {
  test("sessions and bindings refuse, whichever scope closed first", async () => {
    await run(Effect.gen(function*() {
      const a = zeros(1)
      const stale = yield* Effect.scoped(load(adder(), { name: "stale" }))
      for (const use of [stale.run({ a, b: a }), Effect.scoped(stale.bind({ inputs: { a, b: a } }))]) {
        const error: RuntimeError = yield* Effect.flip<unknown, RuntimeError, never>(use)
        expect(error.message).toMatch(/session "stale": bind: the session was released/)
      }
      const session = yield* load(adder())
      const staleBinding = yield* Effect.scoped(session.bind({ inputs: { a, b: a } }))
      expect((yield* Effect.flip(staleBinding.run)).message).toMatch(/run: the session was released/)
      expect((yield* Effect.flip(staleBinding.rebind({}))).message).toMatch(/rebind: the session was released/)
      const outer = yield* Scope.make()
      const orphan = yield* Effect.scoped(Effect.flatMap(load(adder(), { name: "closed" }), (session) =>
        Scope.provide(session.bind({ inputs: { a, b: a } }), outer)))
      expect((yield* Effect.flip(orphan.run)).message).toMatch(/session "closed": run: the session was released/)
      yield* Scope.close(outer, Exit.void)
    }))
  })
})

describe("the layer", () => {
  const layerError = (options: RuntimeOptions) => run(Effect.void.pipe(Effect.andThen(Runtime)), options).then(
    () => {
      throw new Error("the layer was built")
    },
    (error: RuntimeError) => error
  )

  test("a library that is not there, or is not ONNX Runtime", async () => {
    for (const library of ["/nowhere/libonnxruntime.so", process.execPath]) {
      const error = await layerError({ library })
      expect(error._tag).toBe("RuntimeError")
      expect(error.operation).toBe("library")
      expect(error.message).toContain(library)
      expect(error.remedy).toMatch(/IFRL_ONNXRUNTIME_LIBRARY/)
    }
  })

  test("CUDA where there is none, and sums as on the CPU where there is", async () => {
    const shared = join(dirname(libraryPath()), "libonnxruntime_providers_shared.so")
    const add = Effect.flatMap(load(adder()), (session) =>
      session.run({ a: Tensor.from("float32", [2], [1, 2]), b: Tensor.from("float32", [2], [3, 4]) }))
    const result = await run(add, { device: "cuda" }).then(
      ({ sum }) => Array.from(sum!.data, Number),
      (error: RuntimeError) => error
    )
    if (existsSync(shared) && !(result instanceof RuntimeError)) expect(result).toEqual([4, 6])
    else {
      expect(result).toMatchObject({ _tag: "RuntimeError", operation: "layer" })
      if (!existsSync(shared)) expect((result as RuntimeError).remedy).toMatch(/CUDA provider libraries/)
    }
  })

  test("two shared arenas of different settings at once", async () => {
    const limit = 2 ** 30
    await run(
      Effect.gen(function*() {
        const error = yield* Effect.promise(() => layerError({ arena: { limit: 2 * limit } }))
        expect(error.message).toMatch(/already has a shared arena with limit=1073741824, and limit=2147483648 was asked/)
        yield* Effect.promise(() => run(Runtime, { arena: { limit } }))
        yield* Effect.promise(() => run(Runtime, { arena: "session" }))
        yield* Effect.promise(() => run(Runtime, {}))
      }),
      { arena: { limit } }
    )
    await run(Runtime, { arena: { limit: 2 * limit } })
  })
})
