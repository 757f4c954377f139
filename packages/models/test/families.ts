/** The fixtures of tools/fixtures/families.py: one checkpoint for each case, whose weights both sides draw. */
import { philox, Tensor } from "@ifrl/runtime"
import { Effect, Result } from "effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { type DecoderConfig, decoderParameters, type Parameters, parseConfig, readSafetensors } from "../src/index.ts"

const file = (name: string) => fileURLToPath(new URL(`./fixtures/families/${name}`, import.meta.url))

type Json = Readonly<Record<string, unknown>>

const json = JSON.parse(readFileSync(file("configs.json"), "utf8")) as {
  readonly cases: Readonly<Record<string, Json>>
  readonly ropes: Readonly<Record<string, Json>>
}

/** `config.json` of every case. */
export const familyCases = json.cases
/** Rotary parameters of checkpoints that people use, as parts of a config. */
export const ropeCases = json.ropes

/** Uniform weights, a Philox stream for each parameter in the order of their names, as families.py draws them. */
const draw = (config: DecoderConfig, seed: number): Parameters => {
  const specs = [...decoderParameters(config)]
  const rows = new Map(
    specs
      .map(({ name }) => name)
      .sort()
      .map((name, row) => [name, row])
  )
  return new Map(
    specs.map(({ name, shape }) => {
      const norm = name.includes("norm")
      const table = name.includes("embed") || name.includes("lm_head")
      const deviation = norm ? 0.2 : name.endsWith("bias") ? 0.5 : table ? 0.6 : 2 / Math.sqrt(shape.at(-1)!)
      const uniforms = philox(
        { seed, step: 0, row: rows.get(name)! },
        shape.reduce((size, dim) => size * dim, 1)
      )
      const values = Float32Array.from(uniforms, (u) => Number(norm) + deviation * Math.sqrt(3) * (2 * u - 1))
      return [name, Tensor.from("float32", shape, values)]
    })
  )
}

/** Config, weights and what transformers computed. */
export const familyCase = Effect.fnUntraced(function*(name: string) {
  const { tensors } = yield* readSafetensors(file("expected.safetensors"), {
    select: (key) => key.startsWith(`${name}/`)
  })
  const expected: Readonly<Record<string, Tensor>> = Object.fromEntries(
    Array.from(tensors, ([key, tensor]) => [key.slice(name.length + 1), tensor])
  )
  const config = Result.getOrThrow(parseConfig(familyCases[name]))
  return { config, expected, parameters: draw(config, Number(expected["seed"]!.data[0])) }
})

/** Positions [n] and cos and sin [n, E/2] that transformers turns them by. */
export const ropeCase = Effect.fnUntraced(function*(name: string) {
  const { tensors } = yield* readSafetensors(file("expected.safetensors"), {
    select: (key) => key === "rope/positions" || key.startsWith(`rope/${name}/`)
  })
  const config = Result.getOrThrow(
    parseConfig({
      architectures: ["LlamaForCausalLM"],
      vocab_size: 1,
      hidden_size: 256,
      intermediate_size: 1,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      ...ropeCases[name]
    })
  )
  return {
    config,
    positions: Array.from(tensors.get("rope/positions")!.data, Number),
    cos: tensors.get(`rope/${name}/cos`)!.as("float32"),
    sin: tensors.get(`rope/${name}/sin`)!.as("float32")
  }
})
