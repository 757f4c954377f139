import { expect, test } from "@jest/globals"
import { float, floats, Graph, printGraph, stringTensor, tensorData } from "../src/index.ts"

test("a graph as text", () => {
  const g = new Graph("example")
  const x = g.input("x", "float32", ["B", "", 4])
  const flag = g.input("flag", "bool", [])
  const any = g.input("any", "int32")
  const w = g.initializer("w", tensorData("float32", [4, 2], new Float32Array(8)))
  g.initializer("names", stringTensor([2], ["a", "b\n"]))
  const y = g.op("FusedMatMul", [x, w], { alpha: float(0.5) })
  const c = g.op("Clip", [y, undefined, g.constant("float32", 6)])
  const [yes, no] = [g.subgraph("yes"), g.subgraph("no")]
  yes.output(yes.op("Add", [c, yes.constant("float32", [1, -2])]))
  no.output(c)
  const z = g.op("If", [flag], { then_branch: yes, else_branch: no })
  const [top, at] = g.ops("TopK", [z, g.constant("int64", [1])], 2)
  g.output(g.op("Cast", [top!], { to: "float16" }), "half")
  g.output(at!, "at")
  g.output(
    g.op("Custom", [any], {
      list: [1, 2],
      words: ["u", "v"],
      text: "t",
      scales: floats([1, 0.5]),
      value: tensorData("int64", [2], [7, 8])
    }, { domain: "my", types: [{ type: "string" }] }),
    "odd"
  )
  expect(printGraph(g)).toBe(`graph example(x: float32[B, ?0, 4], flag: bool, any: int32[...])
  w = float32[4, 2] (32 bytes)
  names = string["a", "b\\n"]
  FusedMatMul_0: float32[B, ?0, 2] = com.microsoft.FusedMatMul(x, w, alpha=float 0.5)
  Clip_0: float32[B, ?0, 2] = Clip(FusedMatMul_0, -, float32 6)
  If_0: float32[B, ?0, 2] = If(flag, then_branch=yes, else_branch=no)
    then_branch yes()
      Add_0: float32[B, ?0, 2] = Add(Clip_0, float32[1, -2])
      return Add_0
    else_branch no()
      Identity_0: float32[B, ?0, 2] = Identity(Clip_0)
      return Identity_0
  TopK_0.0: float32[B, ?0, 1], at: int64[B, ?0, 1] = TopK(If_0, int64[1])
  half: float16[B, ?0, 1] = Cast(TopK_0.0, to=float16)
  odd: string[...] = my.Custom(any, list=[1, 2], words=["u", "v"], text="t", scales=floats [1, 0.5], value=int64[7, 8])
  return half, at, odd
`)
})
