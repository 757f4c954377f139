import { afterEach, beforeEach, describe, expect, test } from "@jest/globals"
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  decodeModel,
  encodeModel,
  ExternalTensor,
  fromModel,
  Graph,
  type ModelProto,
  readModel,
  type TensorData,
  tensorData,
  tensorValues,
  toModel,
  writeModel
} from "../src/index.ts"
import { run } from "./Ort.ts"

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ifrl-onnx-"))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const weights = Float32Array.from({ length: 3000 }, (_, i) => i)

/** y = reshape(w + b)[first rows] : large weights, a small bias, integer vectors for shape and indices. */
const model = (): Graph => {
  const g = new Graph("g")
  const w = g.initializer("w", tensorData("float32", [3, 1000], weights))
  const b = g.initializer("b", tensorData("float32", [1000], weights.subarray(0, 1000)))
  const rows = g.op("Gather", [g.op("Add", [w, b]), g.input("i", "int64", ["N"])])
  g.output(g.op("Reshape", [rows, g.constant("int64", [-1, 500])]), "y")
  return g
}
const feeds = { i: tensorData("int64", [1], [2]) }
const sums = Array.from({ length: 1000 }, (_, i) => 2000 + 2 * i)

const external = (proto: ModelProto) =>
  Object.fromEntries(
    proto.graph!.initializer.filter((tensor) => tensor.externalData.length > 0).map((tensor) => [
      tensor.name,
      Object.fromEntries(tensor.externalData.map(({ key, value }) => [key, value]))
    ])
  )

test("a small model is one file", async () => {
  const path = join(folder, "m.onnx")
  await writeModel(path, model())
  expect(await readdir(folder)).toEqual(["m.onnx"])
  expect([...(await run(path, feeds))["y"]!.data as Float32Array]).toEqual(sums)
})

describe("external data", () => {
  const path = () => join(folder, "m.onnx")

  test("large tensors go beside the model, integer vectors and small ones stay", async () => {
    await writeModel(path(), model(), { externalDataThreshold: 4001, metadata: { a: "b" } })
    const proto = await readModel(path())
    expect(external(proto)).toEqual({ w: { location: "m.onnx_data", offset: "0", length: "12000" } })
    expect(proto.metadataProps).toHaveLength(1)
    await writeModel(path(), model(), { externalDataThreshold: 0, externalDataName: "w.bin" })
    expect(external(await readModel(path()))).toEqual({
      w: { location: "w.bin", offset: "0", length: "12000" },
      b: { location: "w.bin", offset: "12288", length: "4000" }
    })
    expect((await readdir(folder)).sort()).toEqual(["m.onnx", "m.onnx_data", "w.bin"])
    expect([...(await run(path(), feeds))["y"]!.data as Float32Array]).toEqual(sums)
  })
  test("a model read stays in its files until bytes are asked for, and comes back inline or external", async () => {
    await writeModel(path(), model(), { externalDataThreshold: 0 })
    const graph = fromModel(await readModel(path()))
    const [w] = [...graph.initializers.values()]
    expect(w).toBeInstanceOf(ExternalTensor)
    expect(Buffer.from(w!.bytes).equals(Buffer.from(weights.buffer))).toBe(true)
    await writeModel(join(folder, "inline.onnx"), graph)
    expect(await readdir(folder)).toContain("inline.onnx")
    expect([...(await run(join(folder, "inline.onnx"), feeds))["y"]!.data as Float32Array]).toEqual(sums)
    await writeModel(join(folder, "graph.onnx"), graph, { externalDataThreshold: 5000 })
    expect(Object.keys(external(await readModel(join(folder, "graph.onnx"))))).toEqual(["w"])
    expect(toModel(graph).graph?.initializer[0]?.rawData.byteLength).toBe(12000)
  })
  test("a message that is read and written keeps what is external external", async () => {
    await writeModel(path(), model(), { externalDataThreshold: 0 })
    await mkdir(join(folder, "copy"))
    const copy = join(folder, "copy", "n.onnx")
    await writeModel(copy, await readModel(path()))
    expect(Object.keys(external(await readModel(copy)))).toEqual(["w", "b"])
    expect([...(await run(copy, feeds))["y"]!.data as Float32Array]).toEqual(sums)
    // An inline message gets external data too, bodies included, and isn't changed itself.
    const inline = toModel(model())
    await writeModel(copy, inline, { externalDataThreshold: 0 })
    expect(inline.graph?.initializer[0]?.rawData.byteLength).toBe(12000)
    expect(await readFile(`${copy}_data`)).toEqual(await readFile(`${path()}_data`))
  })
  test("the tensor of an attribute moves too, and is not left in the folder that the message came from", async () => {
    const g = new Graph("g")
    g.output(g.op("Neg", [g.op("Constant", [], { value: tensorData("float32", [3000], weights) })]), "y")
    const message = toModel(g)
    const value = message.graph!.node.find(({ opType }) => opType === "Constant")!.attribute[0]!.t!
    const { rawData } = value
    Reflect.deleteProperty(value, "rawData")
    value.dataLocation = 1
    // Entries are of the same message as metadata.
    const entries = { location: "value.bin", length: String(rawData.byteLength) }
    value.externalData.push(...toModel(g, { metadata: entries }).metadataProps)
    await writeFile(path(), encodeModel(message))
    await writeFile(join(folder, "value.bin"), rawData)
    await mkdir(join(folder, "copy"))
    const copy = join(folder, "copy", "n.onnx")
    await writeModel(copy, await readModel(path()))
    expect((await readdir(join(folder, "copy"))).sort()).toEqual(["n.onnx", "n.onnx_data"])
    const [constant] = fromModel(await readModel(copy)).nodes
    expect(tensorValues(constant!.attributes["value"] as TensorData)).toEqual(weights)
  })
  test("tensors of a message outside raw_data stay inline and are not lost", async () => {
    const message = toModel(model())
    const b = message.graph!.initializer.find(({ name }) => name === "b")!
    Reflect.deleteProperty(b, "rawData")
    b.floatData = Array.from(weights.subarray(0, 1000))
    await writeModel(path(), decodeModel(encodeModel(message)), { externalDataThreshold: 0 })
    expect(Object.keys(external(await readModel(path())))).toEqual(["w"])
    expect([...(await run(path(), feeds))["y"]!.data as Float32Array]).toEqual(sums)
  })
  test("initializers of bodies go along", async () => {
    const g = new Graph("g")
    const [yes, no] = [g.subgraph("yes"), g.subgraph("no")]
    yes.output(yes.op("Neg", [yes.initializer("w", tensorData("float32", [1000], weights.subarray(0, 1000)))]))
    no.output(no.op("Exp", [no.initializer("v", tensorData("float32", [1000], weights.subarray(0, 1000)))]))
    g.output(g.op("If", [g.input("c", "bool", [])], { then_branch: yes, else_branch: no }), "y")
    const c = { c: tensorData("bool", [], [1]) }
    for (const written of [g, toModel(g)]) {
      await writeModel(path(), written, { externalDataThreshold: 100 })
      expect((await stat(`${path()}_data`)).size).toBe(4096 + 4000)
      expect((await run(path(), c))["y"]!.dims).toEqual([1000])
      expect(fromModel(await readModel(path())).nodes).toHaveLength(1)
    }
  })
  test("decodeModel alone can't find external data, and says so", async () => {
    await writeModel(path(), model(), { externalDataThreshold: 0 })
    const decoded = decodeModel(await readFile(path()))
    expect(() => fromModel(decoded)).toThrow(/Tensor w is external.*readModel/)
  })
  test("a file that changed since the model was read is refused", async () => {
    await writeModel(path(), model(), { externalDataThreshold: 0 })
    const graph = fromModel(await readModel(path()))
    await writeFile(`${path()}_data`, new Uint8Array(20000))
    expect(() => [...graph.initializers.values()][0]!.bytes).toThrow(/was changed after the model was read/)
  })
  test("a failed write leaves nothing behind", async () => {
    await expect(writeModel(join(folder, "no", "m.onnx"), model())).rejects.toThrow(/can't be written/)
    await mkdir(join(folder, "taken.onnx"))
    await expect(writeModel(join(folder, "taken.onnx"), model())).rejects.toThrow(/can't be written/)
    await expect(writeModel(path(), model(), { externalDataName: "../x" })).rejects.toThrow(/can't be called ..\/x/)
    expect(await readdir(folder)).toEqual(["taken.onnx"])
  })
})

describe("where external data may lie", () => {
  /** A model whose weight claims to be at `location`. */
  const claim = async (location: string, entries: Record<string, string> = {}, name = "m.onnx"): Promise<string> => {
    const path = join(folder, "models", name)
    await mkdir(join(folder, "models"), { recursive: true })
    await writeModel(path, model(), { externalDataThreshold: 5000 })
    const proto = decodeModel(await readFile(path))
    const given: Record<string, string> = { location, ...entries }
    for (const entry of proto.graph!.initializer[0]!.externalData) entry.value = given[entry.key] ?? entry.value
    await writeFile(path, encodeModel(proto))
    return path
  }

  test.each(["../secret", "a/../../secret", "/etc/passwd", "C:\\secret", "..\\secret", "\\\\host\\share", ""])(
    "not at %j",
    async (location) => {
      await writeFile(join(folder, "secret"), new Uint8Array(12000))
      await expect(readModel(await claim(location))).rejects.toThrow(/outside the model's folder/)
    }
  )
  test("not behind a link that leads out", async () => {
    await writeFile(join(folder, "secret"), new Uint8Array(12000))
    const path = await claim("link")
    await symlink(join(folder, "secret"), join(folder, "models", "link"))
    await expect(readModel(path)).rejects.toThrow(/a link out of the model's folder/)
  })
  test("but in a folder of links into one store, as caches of Hugging Face are", async () => {
    const path = await claim("m.onnx_data")
    await mkdir(join(folder, "snapshot"))
    await symlink(path, join(folder, "snapshot", "m.onnx"))
    await symlink(`${path}_data`, join(folder, "snapshot", "m.onnx_data"))
    const graph = fromModel(await readModel(join(folder, "snapshot", "m.onnx")))
    expect([...graph.initializers.values()][0]!.bytes).toHaveLength(12000)
  })
  test("not at offsets beyond the file, nor with a length that isn't the tensor's", async () => {
    const beyond = fromModel(await readModel(await claim("m.onnx_data", { offset: "4096" })))
    expect(() => [...beyond.initializers.values()][0]!.bytes).toThrow(
      /has 12000 bytes, a tensor needs 12000 from 4096 on/
    )
    await expect(claim("m.onnx_data", { length: "12" }).then(readModel).then(fromModel)).rejects.toThrow(
      /has 12 external bytes, not 12000/
    )
    await expect(claim("m.onnx_data", { offset: "-1" }).then(readModel)).rejects.toThrow(/external offset "-1"/)
    await expect(claim("absent").then(readModel)).rejects.toThrow(/can't be opened/)
    await expect(readModel(join(folder, "none.onnx"))).rejects.toThrow(/can't be read/)
  })
})

test("a model above 2 GiB goes to a second file by itself, is read lazily and runs", async () => {
  // 36 tensors of 64 MiB share one block of zeros in memory; the last has contents of its own, at an offset above 2^31.
  const path = join(folder, "big.onnx")
  const dims = [16, 2 ** 20]
  const g = new Graph("big")
  const zeros = new Float32Array(2 ** 24)
  for (let i = 0; i < 35; i++) g.initializer(`zeros${i}`, tensorData("float32", dims, zeros))
  const last = new Float32Array(2 ** 24)
  last.set([1, 2, 3], 15 * 2 ** 20)
  const table = g.initializer("last", tensorData("float32", dims, last))
  g.output(g.op("Gather", [table, g.input("i", "int64", ["N"])]), "y")

  await writeModel(path, g)
  const { blocks, size } = await stat(`${path}_data`)
  expect(size).toBe(36 * 2 ** 26)
  expect(blocks * 512).toBeLessThan(2 ** 26)
  const proto = await readModel(path)
  expect(external(proto)["last"]).toEqual({
    location: "big.onnx_data",
    offset: String(35 * 2 ** 26),
    length: String(2 ** 26)
  })
  const read = [...fromModel(proto).initializers].find(([{ name }]) => name === "last")![1]
  expect(Buffer.from(read.bytes).equals(Buffer.from(last.buffer))).toBe(true)
  const y = (await run(path, { i: tensorData("int64", [2], [0, 15]) }))["y"]!.data as Float32Array
  expect([...y.subarray(2 ** 20, 2 ** 20 + 4)]).toEqual([1, 2, 3, 0])
  expect(() => encodeModel(g)).toThrow(/The model holds 2415919104 bytes of tensors.*writeModel/)
}, 300_000)
