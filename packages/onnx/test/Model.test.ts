import { describe, expect, test } from "@jest/globals"
import fc from "fast-check"
import { readFileSync } from "node:fs"
import {
  type AttributeValue,
  decodeModel,
  type Dim,
  type ElementType,
  elementTypes,
  encodeModel,
  float,
  floats,
  fromModel,
  Graph,
  OnnxError,
  printGraph,
  stringTensor,
  tensorData,
  toModel,
  type Value
} from "../src/index.ts"
import { numbers } from "./Ort.ts"

const fixture = new Uint8Array(readFileSync(new URL("./fixtures/everything.onnx", import.meta.url)))

describe("codec", () => {
  test("gives back every byte of a file made by the reference implementation", () => {
    const model = decodeModel(fixture)
    expect(Buffer.from(encodeModel(model)).equals(fixture)).toBe(true)
    expect(model.functions.map(({ name }) => name)).toEqual(["Scale"])
    expect(model.graph?.sparseInitializer).toHaveLength(1)
    expect(model.trainingInfo).toHaveLength(1)
    expect(model.$unknown?.map(({ no }) => no)).toEqual([9999, 9999])
    expect(model.metadataProps.map(({ key }) => key)).toEqual(["license", "empty"])
  })
  test("refuses bytes that are no model", () => {
    expect(() => decodeModel(Uint8Array.of(0xff, 1, 2))).toThrow(OnnxError)
    expect(() => decodeModel(fixture.subarray(0, 100))).toThrow(/are no ONNX model/)
  })
})

describe("toModel", () => {
  const g = new Graph("g")
  g.output(g.op("Neg", [g.input("x", "float32", ["B", "", 3])]), "y")

  test("writes opset 21, IR 10 and only the domains in use", () => {
    const model = toModel(g)
    expect(model.irVersion).toBe(10n)
    expect(model.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([["", 21n]])
    const ms = new Graph("ms")
    ms.op("QuickGelu", [ms.input("x", "float32", [1])])
    expect(toModel(ms).opsetImport.map(({ domain, version }) => [domain, version])).toEqual([["", 21n], [
      "com.microsoft",
      1n
    ]])
  })
  test("takes opset, IR version, producer and metadata", () => {
    const model = toModel(g, { opset: 23, irVersion: 11, producer: { name: "p", version: "2" }, metadata: { a: "b" } })
    expect([model.irVersion, model.opsetImport[0]?.version, model.producerName, model.producerVersion]).toEqual([
      11n,
      23n,
      "p",
      "2"
    ])
    expect(model.metadataProps.map(({ key, value }) => [key, value])).toEqual([["a", "b"]])
  })
  test("raises the opset where a node needs it, unless it was asked for", () => {
    const newer = new Graph("newer")
    newer.op("BitCast", [newer.input("x", "float32", [1])], { to: "int32" })
    expect(toModel(newer).opsetImport[0]?.version).toBe(26n)
    expect(() => toModel(newer, { opset: 21 })).toThrow(
      "BitCast (node BitCast_0): it came with opset 26, the model is to have 21"
    )
    expect(() => toModel(g, { opset: 17 })).toThrow(/form of opset 21/)
  })
  test("names known dimensions and leaves the others open", () => {
    const dims = toModel(g).graph?.output[0]?.type?.value
    expect(dims?.case === "tensorType" ? dims.value.shape?.dim.map(({ value }) => value.value) : undefined)
      .toEqual(["B", undefined, 3n])
  })
  test("orders nodes, also when a body was finished after its node", async () => {
    const outer = new Graph("outer")
    const flag = outer.input("flag", "bool", [])
    const x = outer.input("x", "float32", [1])
    const [yes, no] = [outer.subgraph("yes"), outer.subgraph("no")]
    yes.output(yes.op("Neg", [x]))
    no.output(no.op("Abs", [x]))
    const chosen = outer.op("If", [flag], { then_branch: yes, else_branch: no })
    const late = outer.op("Exp", [x])
    yes.outputs.splice(0)
    yes.output(yes.op("Sub", [late, x]))
    outer.output(chosen, "y")
    expect(toModel(outer).graph?.node.map(({ opType }) => opType)).toEqual(["Exp", "If"])
    const feeds = { flag: tensorData("bool", [], [1]), x: tensorData("float32", [1], [0]) }
    expect(await numbers(outer, feeds)).toEqual({ y: [1] })
  })
  test("refuses a cycle", () => {
    const cyclic = new Graph("cyclic")
    const flag = cyclic.input("flag", "bool", [])
    const [yes, no] = [cyclic.subgraph("yes"), cyclic.subgraph("no")]
    yes.output(yes.op("Not", [flag]))
    no.output(flag)
    const out = cyclic.op("If", [flag], { then_branch: yes, else_branch: no }, { name: "choice" })
    yes.op("Not", [out])
    expect(() => toModel(cyclic)).toThrow("If (node choice): it depends on its own output choice")
  })
})

// ------------------------------------------------------------------------------------------------- properties

const dim: fc.Arbitrary<Dim> = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom("B", "T", "2*T", "S+1"))
const shape = fc.option(fc.array(dim, { maxLength: 4 }), { nil: undefined })
const attribute: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.integer(),
  fc.string(),
  fc.array(fc.integer(), { minLength: 1, maxLength: 4 }),
  fc.array(fc.string(), { minLength: 1, maxLength: 4 }),
  fc.float().map(float),
  fc.array(fc.float(), { minLength: 1, maxLength: 4 }).map(floats),
  fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { maxLength: 3 }).map((v) =>
    tensorData("int64", [v.length], v)
  ),
  fc.array(fc.string(), { maxLength: 3 }).map((v) => stringTensor([v.length], v))
)
const type = fc.constantFrom<ElementType>(...elementTypes)

/**
 * A graph of unknown operators, whose types and attributes are arbitrary; every third node holds a body that uses
 * outer values.
 */
const graphs = fc.record({
  inputs: fc.array(fc.record({ type, shape }), { minLength: 1, maxLength: 3 }),
  nodes: fc.array(
    fc.record({
      picks: fc.array(fc.option(fc.nat(100), { nil: undefined }), { maxLength: 3 }),
      outputs: fc.array(fc.record({ type, shape }), { minLength: 1, maxLength: 2 }),
      attributes: fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), attribute, { maxKeys: 3 }),
      body: fc.boolean()
    }),
    { maxLength: 5 }
  )
}).map(({ inputs, nodes }) => {
  const g = new Graph("random")
  const values: Array<Value> = inputs.map(({ shape, type }, i) => g.input(`in${i}`, type, shape))
  for (const [i, { attributes, body, outputs, picks }] of nodes.entries()) {
    const picked = picks.map((at) => at === undefined ? undefined : values[at % values.length])
    const inner = g.subgraph(`body${i}`)
    if (body) inner.output(inner.op("Inner", [values.at(-1)], attributes, { domain: "test", types: [outputs[0]!] }))
    const all = body ? { ...attributes, zbody: inner } : attributes
    values.push(...g.ops("Outer", picked, outputs.length, all, { domain: "test", types: outputs }))
  }
  g.output(values.at(-1)!)
  return g
})

/** Sizes that nobody named get new numbers in every graph. */
const anonymous = (text: string) => text.replaceAll(/\?\d+/g, "?")

describe("round trips", () => {
  test("a graph through its message and its bytes", () => {
    fc.assert(
      fc.property(graphs, (g) => {
        const bytes = encodeModel(g)
        const again = fromModel(decodeModel(bytes))
        expect(anonymous(printGraph(again))).toBe(anonymous(printGraph(g)))
        expect(Buffer.from(encodeModel(again)).equals(bytes)).toBe(true)
      }),
      { numRuns: 200, seed: 1 }
    )
  })
})
