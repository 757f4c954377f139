import { describe, expect, test } from "@jest/globals"
import { encodeModel, Graph, readModel, tensorData, toModel, writeModel } from "@ifrl/onnx"
import { Effect } from "effect"
import { readdirSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Runtime, type SessionOptions, storage, Tensor, type TensorType } from "../src/index.ts"
import { adder, build, counter, descent, load, nonZero, run, tower, using } from "./Models.ts"

const floats = (values: ReadonlyArray<number>) => Tensor.from("float32", [values.length], values)
const numbers = (tensor: Tensor | undefined) => Array.from(tensor!.data, Number)

describe("Session", () => {
  test("metadata: names, types, fixed, symbolic and unknown shapes", async () => {
    const model = build("shapes", (g) => {
      const ids = g.input("ids", "int64", ["B", "T"])
      const w = g.input("w", "float16", [4, 8])
      const s = g.input("s", "float32", [])
      const any = g.input("any", "float32")
      g.output(g.op("Identity", [ids]), "ids2")
      g.output(g.op("Identity", [w]), "w2")
      g.output(g.op("Identity", [s]), "s2")
      g.output(g.op("Identity", [any]), "any2")
    })
    await using(model, (session) =>
      Effect.sync(() => {
        expect(session.name).toBe("shapes")
        expect(session.inputs).toEqual([
          { name: "ids", type: "int64", shape: ["B", "T"] },
          { name: "w", type: "float16", shape: [4, 8] },
          { name: "s", type: "float32", shape: [] },
          { name: "any", type: "float32", shape: undefined }
        ])
        expect(session.outputs.map(({ name }) => name)).toEqual(["ids2", "w2", "s2", "any2"])
      }), { name: "shapes" })
  })

  test("run returns tensors of its own for outputs that are not given", async () => {
    await using(adder(), (session) =>
      Effect.gen(function*() {
        const first = yield* session.run({ a: floats([1, 2]), b: floats([10, 20]) })
        const second = yield* session.run({ a: floats([5, 6, 7]), b: floats([0, 0, 0]) })
        expect(numbers(first["sum"])).toEqual([11, 22])
        expect(numbers(second["sum"])).toEqual([5, 6, 7])
        expect(first["sum"]!.address).not.toBe(second["sum"]!.address)
      }))
  })

  test("run writes a given output in place and returns it", async () => {
    await using(adder(), (session) =>
      Effect.gen(function*() {
        const sum = Tensor.zeros("float32", [2])
        const outputs = yield* session.run({ a: floats([1, 2]), b: floats([3, 4]) }, { sum })
        expect(outputs["sum"]).toBe(sum)
        expect(numbers(sum)).toEqual([4, 6])
      }))
  })

  test("an input that is an output as it is is written to the tensor given for it", async () => {
    const model = build("through", (g) => {
      const x = g.input("x", "float32", undefined)
      g.output(g.op("Neg", [x]), "negative")
      g.output(x)
    })
    await using(model, (session) =>
      Effect.gen(function*() {
        const given = Tensor.zeros("float32", [2])
        expect((yield* session.run({ x: floats([1, 2]) }, { x: given }))["x"]).toBe(given)
        expect(numbers(given)).toEqual([1, 2])
        const x = floats([3])
        expect(numbers((yield* session.run({ x }, { x }))["x"])).toEqual([3])
        expect(numbers((yield* session.run({ x }))["x"])).toEqual([3])
        expect((yield* Effect.flip(session.run({ x }, { x: given }))).message).toMatch(/output "x" is the input as it is, float32\[1\]/)
      }))
  })

  test("a model in memory that threads share", async () => {
    const bytes = adder()
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
    shared.set(bytes)
    const { sum } = await using(shared, (session) => session.run({ a: floats([1]), b: floats([2]) }))
    expect(numbers(sum)).toEqual([3])
  })

  test("outputs that are skipped are not fetched, and allocated ones keep their names", async () => {
    const model = build("three", (g) => {
      const x = g.input("x", "float32", ["n"])
      for (const [i, name] of ["one", "two", "three"].entries()) {
        g.output(g.op("Add", [x, g.constant("float32", i + 1)]), name)
      }
    })
    await using(model, (session) =>
      Effect.gen(function*() {
        const two = Tensor.zeros("float32", [1])
        const outputs = yield* session.run({ x: floats([0]) }, { one: "skip", two, three: "allocate" })
        expect(Object.keys(outputs)).toEqual(["two", "three"])
        expect(numbers(two)).toEqual([2])
        expect(numbers(outputs["three"])).toEqual([3])
      }))
  })

  test.each(Object.keys(storage) as Array<TensorType>)("%s goes in and comes out", async (type) => {
    const model = build("identity", (g) => {
      g.output(g.op("Identity", [g.input("x", type, ["n", 3])]), "y")
    })
    const values = type === "bool" ? [1, 0, 0, 1, 1, 0] : [0, 1, 2, 3, 5, 7]
    await using(model, (session) =>
      Effect.gen(function*() {
        const x = Tensor.from(type, [2, 3], values)
        const { y } = yield* session.run({ x })
        expect(y!.type).toBe(type)
        expect(y!.dims).toEqual([2, 3])
        expect(Array.from(y!.bytes)).toEqual(Array.from(x.bytes))
      }))
  })

  test("empty tensors, scalars and outputs of a shape that only the run knows", async () => {
    await run(Effect.gen(function*() {
      const add = yield* load(adder())
      const { sum } = yield* add.run({ a: floats([]), b: floats([]) })
      expect(sum!.dims).toEqual([0])
      const scalars = yield* load(adder("int64", []))
      expect(numbers((yield* scalars.run({ a: Tensor.scalar("int64", 2), b: Tensor.scalar("int64", 40) }))["sum"]))
        .toEqual([42])
      const find = yield* load(nonZero())
      for (const x of [[0, 5, 0, 7], [0, 0], [1]]) {
        const { where } = yield* find.run({ x: floats(x) })
        expect(numbers(where)).toEqual(x.flatMap((v, i) => v === 0 ? [] : [i]))
      }
    }))
  })

  test("a model on disk with external data", async () => {
    const directory = await mkdtemp(join(tmpdir(), "ifrl-runtime-"))
    try {
      const path = join(directory, "model.onnx")
      const graph = new Graph("external")
      const x = graph.input("x", "float32", ["n", 64])
      const values = Float32Array.from({ length: 64 * 64 }, (_, i) => i % 65 === 0 ? 2 : 0)
      graph.output(graph.op("MatMul", [x, graph.initializer("w", tensorData("float32", [64, 64], values))]), "y")
      await writeModel(path, toModel(graph), { externalDataThreshold: 1024 })
      expect(encodeModel(await readModel(path)).length).toBeGreaterThan(0)
      await run(Effect.gen(function*() {
        const session = yield* Runtime.use((runtime) => runtime.session({ path }))
        expect(session.name).toBe(path)
        const { y } = yield* session.run({ x: Tensor.from("float32", [1, 64], Float32Array.from({ length: 64 }, (_, i) => i)) })
        expect(numbers(y)).toEqual(Array.from({ length: 64 }, (_, i) => 2 * i))
      }))
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  test.each(["none", "basic", "extended", "all"] as const)("optimization %s and the other options", async (optimization) => {
    await using(
      tower(8, 2),
      (session) =>
        Effect.gen(function*() {
          const w = Tensor.zeros("float32", [8, 8])
          for (let i = 0; i < 8; i++) w.data[i * 9] = 1
          const { y } = yield* session.run({ x: Tensor.from("float32", [1, 8], [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]), w })
          // tanh(tanh(0.7)) and float32's spacing there, times four roundings
          expect(Math.abs(numbers(y)[7]! - Math.tanh(Math.tanh(0.7)))).toBeLessThan(4 * 2 ** -24)
        }),
      {
        optimization,
        threads: 1,
        memoryPattern: true,
        arenaShrinkage: true,
        config: { "session.disable_prepacking": "1" }
      }
    )
  })
})

const onLinux = process.platform === "linux" ? describe : describe.skip

onLinux("threads", () => {
  const threads = () => readdirSync("/proc/self/task").length
  const added = (options?: SessionOptions) =>
    run(Effect.gen(function*() {
      yield* load(adder())
      const before = threads()
      yield* load(adder(), options)
      yield* load(adder(), options)
      return threads() - before
    }))

  test("sessions share the pool of the process", async () => {
    expect(await added()).toBe(0)
    expect(await added({ threads: 2 })).toBe(0)
  })

  test("a session that asks for another number has threads of its own", async () => {
    expect(await added({ threads: 3 })).toBe(4)
    await using(adder(), (session) =>
      Effect.map(session.run({ a: floats([1]), b: floats([2]) }), ({ sum }) => expect(numbers(sum)).toEqual([3])), {
      threads: 3
    })
  })
})

describe("Binding", () => {
  test("sees what the host writes between runs", async () => {
    await using(adder(), (session) =>
      Effect.gen(function*() {
        const [a, b, sum] = [floats([1, 2]), floats([3, 4]), Tensor.zeros("float32", [2])]
        const binding = yield* session.bind({ inputs: { a, b }, outputs: { sum } })
        yield* binding.run
        expect(numbers(sum)).toEqual([4, 6])
        a.data.set([100, 200])
        yield* binding.run
        expect(numbers(sum)).toEqual([103, 204])
      }))
  })

  test("an output over the memory of an input is updated in place, also through views", async () => {
    await using(descent(), (session) =>
      Effect.gen(function*() {
        const all = Tensor.from("float32", [4096], Float32Array.from({ length: 4096 }, (_, i) => i))
        const parameter = all.view([1024], 1024)
        const gradient = Tensor.from("float32", [1024], new Float32Array(1024).fill(2))
        const rate = Tensor.scalar("float32", 0.5)
        const binding = yield* session.bind({
          inputs: { parameter, gradient, rate },
          outputs: { updated: parameter }
        })
        for (let i = 0; i < 10; i++) yield* binding.run
        expect(numbers(all)).toEqual(Array.from({ length: 4096 }, (_, i) => i >= 1024 && i < 2048 ? i - 10 : i))
      }))
  })

  test("allocated outputs may change shape from run to run", async () => {
    await using(nonZero(), (session) =>
      Effect.gen(function*() {
        const x = floats([1, 0, 1, 0])
        const binding = yield* session.bind({ inputs: { x } })
        expect(numbers((yield* binding.run)["where"])).toEqual([0, 2])
        x.data.set([0, 0, 0, 9])
        expect(numbers((yield* binding.run)["where"])).toEqual([3])
        x.data.fill(1)
        expect(numbers((yield* binding.run)["where"])).toEqual([0, 1, 2, 3])
      }))
  })

  test("rebind replaces what is given, keeps the rest, and changes nothing when it fails", async () => {
    await using(adder(), (session) =>
      Effect.gen(function*() {
        const sum = Tensor.zeros("float32", [2])
        const binding = yield* session.bind({ inputs: { a: floats([1, 2]), b: floats([3, 4]) }, outputs: { sum } })
        yield* binding.rebind({ inputs: { b: floats([30, 40]) } })
        yield* binding.run
        expect(numbers(sum)).toEqual([31, 42])
        const error = yield* Effect.flip(binding.rebind({ inputs: { b: floats([1, 2, 3]) } }))
        expect(error.operation).toBe("rebind")
        sum.data.fill(0)
        yield* binding.run
        expect(numbers(sum)).toEqual([31, 42])
        yield* binding.rebind({ inputs: { a: floats([1]), b: floats([2]) }, outputs: { sum: "allocate" } })
        expect(numbers((yield* binding.run)["sum"])).toEqual([3])
        const other = Tensor.zeros("float32", [1])
        yield* binding.rebind({ outputs: { sum: other } })
        yield* binding.run
        expect(numbers(other)).toEqual([3])
      }))
  })

  test("a Loop runs inside one run", async () => {
    await using(counter(), (session) =>
      Effect.gen(function*() {
        const { y } = yield* session.run({ x: floats([0, 0.5]), count: Tensor.scalar("int64", 1000) })
        expect(numbers(y)).toEqual([1000, 1000.5])
      }))
  })
})
