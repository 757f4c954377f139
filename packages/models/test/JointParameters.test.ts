import { expect, test } from "@jest/globals"
import { Tensor } from "@ifrl/runtime"
import { decoderParameters, initializeWeights, joinParameters, jointParameters, loadWeights } from "../src/index.ts"
import { fixture, run } from "./support.ts"

test.each(["qwen2-tied", "qwen2-bf16-sharded"])("%s: loaded projections lie side by side and join without a copy", async (name) => {
  const { config, parameters } = await run(loadWeights(fixture(name)))
  const joint = joinParameters(config, parameters)!
  expect(Array.from(joint, ([key, { dims }]) => [key, [...dims]]).sort()).toEqual(
    jointParameters(config).map(({ name, shape }) => [name, [...shape]]).sort()
  )
  for (const kind of ["weight", "bias"]) {
    const whole = joint.get(`model.layers.0.self_attn.qkv_proj.${kind}`)!.as("float32")
    const parts = ["q", "k", "v"].map((letter) => parameters.get(`model.layers.0.self_attn.${letter}_proj.${kind}`)!)
    expect(Array.from(whole.data)).toEqual(parts.flatMap(({ data }) => Array.from(data)))
    parts[2]!.data.fill(3)
    expect(whole.data.at(-1)).toBe(3)
  }
  expect(joint.get("model.norm.weight")).toBe(parameters.get("model.norm.weight"))
})

test("fresh weights join too; weights that lie elsewhere or are missing don't", async () => {
  const { config } = await run(loadWeights(fixture("qwen2-tied")))
  const fresh = initializeWeights(config, 1)
  expect(Array.from(fresh.keys())).toEqual(decoderParameters(config).map(({ name }) => name))
  expect(joinParameters(config, fresh)).toBeDefined()
  const key = "model.layers.0.self_attn.k_proj.weight"
  const { data, dims } = fresh.get(key)!
  expect(joinParameters(config, new Map([...fresh, [key, Tensor.from("float32", dims, data)]]))).toBeUndefined()
  expect(joinParameters(config, new Map(Array.from(fresh).filter(([name]) => name !== key)))).toBeUndefined()
})
