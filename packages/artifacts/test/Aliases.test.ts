import { describe, expect, test } from "@jest/globals"
import { Graph, type Value } from "@ifrl/onnx"
import { adamW, ArtifactError, checkAliases, Emit } from "../src/index.ts"

const pair = [{ input: "buffer", output: "buffer.out" }]

interface Scene {
  readonly graph: Graph
  readonly g: Emit
  readonly buffer: Value
  readonly x: Value
}

/** What the check says of a graph with an input `buffer` whose memory the result shares. */
const verdict = (build: (scene: Scene) => Value): string => {
  const graph = new Graph("scene")
  const buffer = graph.input("buffer", "float32", [4, 4])
  const x = graph.input("x", "float32", [4, 4])
  const g = new Emit(graph)
  graph.output(build({ graph, g, buffer, x }), "buffer.out")
  try {
    checkAliases(graph, pair)
    return "safe"
  } catch (error) {
    if (!(error instanceof ArtifactError)) throw error
    expect(error).toMatchObject({ reason: "Alias", tensor: "buffer" })
    return error.message
  }
}

const branch = ({ graph }: Scene, name: string, build: (b: Emit) => Value): Graph => {
  const body = graph.subgraph(name)
  body.output(build(new Emit(body)))
  return body
}

const loop = ({ g, graph, buffer }: Scene, build: (b: Emit, state: Value) => Value): Value => {
  const body = graph.subgraph("body")
  const b = new Emit(body)
  body.input("i", "int64", [])
  const go = body.input("go", "bool", [])
  const state = body.input("state", "float32", [4, 4])
  body.output(b.op("Identity", [go]))
  body.output(build(b, state))
  return graph.ops("Loop", [g.int(2), undefined, buffer], 1, { body })[0]!
}

describe("safe", () => {
  test.each<[string, (scene: Scene) => Value]>([
    ["Add", ({ buffer, g, x }) => g.add(buffer, x)],
    ["Gemm with the buffer as C", ({ buffer, g, x }) => g.gemm(x, x, { transA: true }, buffer)],
    ["a scatter into the buffer", ({ buffer, g, x }) =>
      g.op("ScatterElements", [buffer, g.graph.constant("int64", Array(16).fill(0), [4, 4]), x], { axis: 0, reduction: "add" })],
    ["a reader that the writer waits for", ({ buffer, g, x }) => g.add(g.scale(buffer, 0.9), x)],
    ["a Loop that carries the buffer", (scene) => loop(scene, (b, state) => b.gemm(scene.x, scene.x, {}, state))],
    ["an If whose branches each write it", (scene) =>
      scene.graph.op("If", [scene.g.op("Identity", [scene.graph.input("flag", "bool", [])])], {
        then_branch: branch(scene, "then", (b) => b.gemm(scene.x, scene.x, {}, scene.buffer)),
        else_branch: branch(scene, "else", (b) => b.op("Identity", [scene.buffer]))
      })]
  ])("%s", (_, build) => expect(verdict(build)).toBe("safe"))
  test("AdamW", () => {
    const { aliases, graph } = adamW()
    checkAliases(graph, aliases)
  })
})

describe("refused, naming tensor and nodes", () => {
  test("two readers", () => {
    const message = verdict(({ buffer, g, graph, x }) => {
      graph.output(g.square(buffer), "other")
      return g.add(buffer, x)
    })
    expect(message).toContain('2 nodes read it: Mul "Mul_0", Add "Add_0"')
  })
  test("a reader that may run after the writer", () => {
    const message = verdict(({ buffer, g, graph, x }) => {
      graph.output(g.square(buffer), "other")
      return g.square(x)
    })
    expect(message).toContain('Mul "Mul_0" reads it and may run after Mul "Mul_1" has written over it')
  })
  test("a writer that reads other elements", () => {
    expect(verdict(({ buffer, g }) => g.transpose(buffer, [1, 0]))).toContain("reads other elements than the one it writes")
    expect(verdict(({ buffer, g, x }) => g.gemm(buffer, x))).toContain("reads other elements than the one it writes")
    expect(verdict(({ buffer, g, x }) => g.gemm(buffer, x, {}, buffer))).toContain("reads other elements than the one it writes")
  })
  test("a second reader behind a view", () => {
    const message = verdict(({ buffer, g, graph, x }) => {
      const view = g.reshape(buffer, [16])
      graph.output(g.square(view), "other")
      return g.reshape(g.add(view, g.reshape(x, [16])), [4, 4])
    })
    expect(message).toContain("2 nodes read it")
  })
  test("a Loop whose body also captures it", () => {
    expect(verdict((scene) => loop(scene, (b, state) => b.add(state, scene.buffer)))).toContain("beside the loop's state")
  })
  test("two readers inside a branch", () => {
    const message = verdict((scene) =>
      scene.graph.op("If", [scene.graph.input("flag", "bool", [])], {
        then_branch: branch(scene, "then", (b) => b.add(scene.buffer, b.matmul(scene.buffer, scene.x))),
        else_branch: branch(scene, "else", (b) => b.op("Identity", [scene.buffer]))
      })
    )
    expect(message).toContain('in graph "then", but 2 nodes read it')
  })
  test("names that the graph lacks", () => {
    const graph = new Graph("empty")
    expect(() => checkAliases(graph, pair)).toThrow('Graph "empty" has no input "buffer"')
  })
})
