import { afterAll, expect, test } from "@jest/globals"
import { encodeModel, fromModel, readModel, tensorValues, toModel, type Value } from "@ifrl/onnx"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { differentiate, foreignModel, type Runner } from "../src/index.ts"
import { i64, ortRunner } from "./ort.ts"
import { train } from "./ReadmeExample.ts"

const ort = ortRunner()
afterAll(() => ort.close())

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8")
const fixture = JSON.parse(read("fixtures/foreign.json")) as {
  readonly tokens: Array<Array<number>>
  readonly labels: Array<number>
  readonly loss: number
  readonly gradients: Record<string, Array<number>>
  readonly losses: Array<number>
}
const path = fileURLToPath(new URL("fixtures/foreign.onnx", import.meta.url))
const batch = { tokens: i64([6, 5], fixture.tokens.flat()), labels: i64([6], fixture.labels) }

test("the README's example is the file that runs here, and trains as PyTorch does", async () => {
  expect(/```ts\n([\s\S]*?)```/.exec(read("../README.md"))![1]).toBe(read("./ReadmeExample.ts"))
  const losses = await train(path, ort.runner as Runner, batch, fixture.losses.length)
  fixture.losses.forEach((loss, i) => expect(Math.abs(losses[i]! / loss - 1)).toBeLessThan(2e-5))
  expect(losses.at(-1)!).toBeLessThan(losses[0]! / 2)
})

test("a file that PyTorch exported has PyTorch's gradients", async () => {
  const graph = fromModel(await readModel(path))
  // The exporter stored these four transposed, under names of its own.
  const transposed: Record<string, string> = { val_5: "qkv.weight", val_34: "out.weight", val_38: "up.weight", val_40: "down.weight" }
  const names = [...Object.keys(transposed), ...Object.keys(fixture.gradients).filter((name) => !Object.values(transposed).includes(name))]
  const model = foreignModel(graph, names)
  const [logits] = graph.outputs as [Value]
  const labels = graph.input("labels", "int64", ["rows"])
  const loss = graph.op("SoftmaxCrossEntropyLoss", [logits, labels])
  graph.output(loss, "loss")
  const gradients = differentiate(graph, { loss, wrt: model.parameters })
  for (const value of model.parameters) graph.output(gradients.get(value)!, `d.${value.name}`)
  const result = await (await ort.runner(encodeModel(toModel(graph))))({ ...batch, ...Object.fromEntries(model.initial) })
  expect(tensorValues(result.loss!)[0]).toBeCloseTo(fixture.loss, 5)
  for (const name of names) {
    const { dims } = result[`d.${name}`]!
    const actual = Array.from(tensorValues(result[`d.${name}`]!) as Float32Array)
    const expected = fixture.gradients[transposed[name] ?? name]!
    const [rows, columns] = dims as [number, number]
    const at = (i: number) => name in transposed ? expected[(i % columns) * rows + Math.floor(i / columns)]! : expected[i]!
    const norm = Math.hypot(...expected)
    expect({ name, error: Math.hypot(...actual.map((x, i) => x - at(i))) / norm }).toMatchObject({ error: expect.closeTo(0, 5) })
  }
})
