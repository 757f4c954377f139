import { describe, expect, test } from "@jest/globals"
import { Tensor } from "@ifrl/runtime"
import { Result } from "effect"
import { readFileSync } from "node:fs"
import { cp, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises"
import { join } from "node:path"
import {
  decoderParameters,
  initializeModel,
  initializeWeights,
  loadModel,
  loadWeights,
  parameterCount,
  parseConfig,
  readSafetensors,
  readSafetensorsHeader,
  saveModel,
  trainTokenizer,
  writeSafetensors
} from "../src/index.ts"
import { failure, fixture, run, withFolder } from "./support.ts"

const json = async (file: string) => JSON.parse(await readFile(file, "utf8")) as Record<string, any>

/** A copy of a fixture with changes made to it. */
const withCopy = <A>(name: string, use: (folder: string) => Promise<A>) =>
  withFolder(async (folder) => {
    const copy = join(folder, "copy")
    await cp(fixture(name), copy, { recursive: true })
    return use(copy)
  })

const rewrite = async (folder: string, change: (tensors: Map<string, Tensor>) => void) => {
  const file = join(folder, "model.safetensors")
  const { tensors } = await run(readSafetensors(file))
  change(tensors)
  await run(writeSafetensors(file, tensors, { finite: false }))
}

describe("loadModel", () => {
  test("gives config, float32 weights by Hugging Face's names, and the tokenizer", async () => {
    const model = await run(loadModel(fixture("qwen2-tied")))
    expect([...model.parameters.keys()]).toEqual(decoderParameters(model.config).map(({ name }) => name))
    expect(model.parameters.has("lm_head.weight")).toBe(false)
    expect(model.head).toBe(model.parameters.get("model.embed_tokens.weight"))
    expect(model.tokenizer.eosIds).toEqual([2, 1])
    expect(parameterCount(model.config)).toBe([...model.parameters.values()].reduce((sum, { size }) => sum + size, 0))
  })

  test("names of every parameter of every fixture are those that transformers wrote", async () => {
    for (const name of ["qwen2-tied", "qwen2-untied", "qwen2-fp16"]) {
      const { config } = await run(loadWeights(fixture(name)))
      const { entries } = await run(readSafetensorsHeader(fixture(name, "model.safetensors")))
      expect(
        decoderParameters(config)
          .map((spec) => spec.name)
          .sort()
      ).toEqual(entries.map((entry) => entry.name).sort())
    }
  })

  test("reads bfloat16 shards and float16 exactly", async () => {
    for (const name of ["qwen2-bf16-sharded", "qwen2-fp16"]) {
      const { parameters } = await run(loadWeights(fixture(name)))
      expect(new Set([...parameters.values()].map(({ type }) => type))).toEqual(new Set(["float32"]))
    }
  })

  test("a stored head that equals the tied embedding shares its memory", () =>
    withCopy("qwen2-tied", async (folder) => {
      await rewrite(folder, (tensors) => tensors.set("lm_head.weight", tensors.get("model.embed_tokens.weight")!))
      const model = await run(loadModel(folder))
      expect(model.parameters.has("lm_head.weight")).toBe(false)
      await rewrite(folder, (tensors) => tensors.set("lm_head.weight", Tensor.zeros("float32", [320, 32])))
      expect((await failure(loadModel(folder))).message).toMatch(/tensor "lm_head\.weight": differs from the embedding/)
    }))
})

/** Replaces text of the same length in a file, such as a header's. */
const patch = async (file: string, from: string, to: string) => {
  const bytes = await readFile(file)
  const at = bytes.indexOf(from)
  if (at < 0 || from.length !== to.length) throw new Error(`${from} is not to be replaced`)
  bytes.write(to, at, "latin1")
  await writeFile(file, bytes)
}

describe("damaged checkpoints are refused by name", () => {
  const first = "model.layers.1.mlp.up_proj.weight"
  test.each<[string, string, (folder: string) => Promise<unknown>, RegExp]>([
    ["no weights", "qwen2-tied", (f) => rm(join(f, "model.safetensors")), /has neither model\.safetensors nor/],
    ["no config", "qwen2-tied", (f) => rm(join(f, "config.json")), /config\.json: does not exist/],
    ["broken config", "qwen2-tied", (f) => writeFile(join(f, "config.json"), "{"), /config\.json: is not JSON/],
    [
      "another architecture",
      "qwen2-tied",
      (f) => writeFile(join(f, "config.json"), '{"architectures":["GPT2LMHeadModel"]}'),
      /config\.json, key "architectures": \["GPT2LMHeadModel"\]/
    ],
    [
      "a tensor missing",
      "qwen2-tied",
      (f) => rewrite(f, (t) => t.delete(first)),
      /"model\.layers\.1\.mlp\.up_proj\.weight": is missing/
    ],
    [
      "a head missing",
      "qwen2-untied",
      (f) => rewrite(f, (t) => t.delete("lm_head.weight")),
      /"lm_head\.weight".*tie_word_embeddings to true/
    ],
    [
      "a tensor too many",
      "qwen2-tied",
      (f) => rewrite(f, (t) => t.set("model.layers.0.self_attn.q_norm.weight", Tensor.zeros("float32", [8]))),
      /q_norm\.weight": belongs to no parameter/
    ],
    [
      "a wrong shape",
      "qwen2-tied",
      (f) => rewrite(f, (t) => t.set(first, Tensor.zeros("float32", [32, 64]))),
      /is \[32, 64\] and config\.json asks for \[64, 32\]/
    ],
    [
      "integer weights",
      "qwen2-tied",
      (f) => rewrite(f, (t) => t.set(first, Tensor.zeros("int8", [64, 32]))),
      /holds int8/
    ],
    [
      "a NaN",
      "qwen2-tied",
      (f) => rewrite(f, (t) => t.get(first)!.data.fill(NaN as never, 3, 4)),
      /up_proj\.weight": element 3 of \[64, 32\] is NaN/
    ],
    [
      "a NaN in bfloat16",
      "qwen2-bf16-sharded",
      async (f) => {
        const file = join(f, "model-00003-of-00004.safetensors")
        const bytes = await readFile(file)
        bytes.writeUInt16LE(0x7fc0, bytes.length - 2)
        await writeFile(file, bytes)
      },
      /model-00003-of-00004\.safetensors, tensor "model\.norm\.weight": element 31 of \[32\] is NaN/
    ],
    [
      "a header that lies about a shape",
      "qwen2-tied",
      (f) => patch(join(f, "model.safetensors"), "[320,32]", "[320,33]"),
      /model\.safetensors, tensor "model\.embed_tokens\.weight": F32 \[320, 33\] takes 42240 bytes and the header gives it 40960/
    ],
    [
      "a header that lies about a type",
      "qwen2-fp16",
      (f) => patch(join(f, "model.safetensors"), '"F16"', '"F64"'),
      /F64 \[.*\] takes \d+ bytes and the header gives it \d+/
    ],
    [
      "a wrong type of the same width",
      "qwen2-tied",
      (f) => patch(join(f, "model.safetensors"), '"F32"', '"I32"'),
      /holds int32, not floating-point weights/
    ],
    [
      "a shard that ends early",
      "qwen2-bf16-sharded",
      (f) => truncate(join(f, "model-00002-of-00004.safetensors"), 5000),
      /model-00002-of-00004\.safetensors, tensor ".*": ends at byte \d+ and the file has 5000: it is truncated/
    ],
    [
      "a shard of another save",
      "qwen2-bf16-sharded",
      (f) => patch(join(f, "model-00002-of-00004.safetensors"), "model.layers.1", "model.layers.0"),
      /is also in|is not in it, though/
    ],
    [
      "a bit that has flipped since it was saved",
      "qwen2-tied",
      async (f) => {
        const file = join(f, "model.safetensors")
        await rewrite(f, () => {})
        const bytes = await readFile(file)
        bytes[bytes.length - 100]! ^= 1
        await writeFile(file, bytes)
      },
      /model\.safetensors: was written with the checksum [0-9a-f]{8} and now has/
    ],
    [
      "a shard missing",
      "qwen2-bf16-sharded",
      (f) => rm(join(f, "model-00002-of-00004.safetensors")),
      /model-00002-of-00004\.safetensors: does not exist/
    ],
    [
      "a shard in another's place",
      "qwen2-bf16-sharded",
      (f) => cp(join(f, "model-00001-of-00004.safetensors"), join(f, "model-00002-of-00004.safetensors")),
      /is not in it, though/
    ],
    [
      "an index that leaves the folder",
      "qwen2-bf16-sharded",
      (f) => writeFile(join(f, "model.safetensors.index.json"), '{"weight_map":{"a":"../b.safetensors"}}'),
      /said to be in "\.\.\/b\.safetensors"/
    ],
    [
      "an index without a map",
      "qwen2-bf16-sharded",
      (f) => writeFile(join(f, "model.safetensors.index.json"), "{}"),
      /key "weight_map": is missing/
    ]
  ])("%s", (_, name, damage, message) =>
    withCopy(name, async (folder) => {
      await damage(folder)
      expect((await failure(loadWeights(folder))).message).toMatch(message)
    })
  )
})

describe("saveModel", () => {
  test("writes the same weights and the small files byte for byte", () =>
    withFolder(async (folder) => {
      const model = await run(loadModel(fixture("qwen2-tied")))
      const saved = join(folder, "saved")
      await run(saveModel(saved, model))
      for (const [name, bytes] of model.files)
        expect([name, await readFile(join(saved, name))]).toEqual([name, Buffer.from(bytes)])
      expect((await readdir(saved)).sort()).toEqual([...model.files.keys(), "model.safetensors"].sort())
      expect(await readdir(folder)).toEqual(["saved"])
      const again = await run(loadModel(saved))
      for (const [name, tensor] of model.parameters) expect(again.parameters.get(name)!.data).toEqual(tensor.data)
      const { metadata } = await run(readSafetensorsHeader(join(saved, "model.safetensors")))
      expect(metadata).toEqual({ format: "pt" })
    }))

  test("in another element type and in shards, named in config.json, over an earlier save", () =>
    withFolder(async (folder) => {
      const model = await run(loadModel(fixture("qwen2-tied")))
      await run(saveModel(folder, model))
      await writeFile(join(folder, "notes.txt"), "kept")
      await run(saveModel(folder, model, { dtype: "bfloat16", maxShardBytes: 30_000 }))
      const names = await readdir(folder)
      expect(names.filter((name) => name.includes("safetensors"))).toEqual([
        "model-00001-of-00003.safetensors",
        "model-00002-of-00003.safetensors",
        "model-00003-of-00003.safetensors",
        "model.safetensors.index.json"
      ])
      expect(names).toContain("notes.txt")
      expect((await json(join(folder, "config.json")))["dtype"]).toBe("bfloat16")
      expect((await json(join(folder, "model.safetensors.index.json")))["metadata"].total_size).toBe(
        2 * parameterCount(model.config)
      )
      const again = await run(loadModel(folder))
      again.parameters.forEach((tensor, name) => {
        tensor.data.forEach((x, i) =>
          expect(Math.abs(x - model.parameters.get(name)!.data[i]!)).toBeLessThanOrEqual(Math.abs(x) / 128)
        )
      })
      await run(saveModel(folder, again))
      expect((await readdir(folder)).filter((name) => name.includes("safetensors"))).toEqual(["model.safetensors"])
    }))

  test("leaves nothing behind when weights are broken, and the old folder as it was", () =>
    withFolder(async (folder) => {
      const model = await run(loadModel(fixture("qwen2-tied")))
      const good = join(folder, "good")
      await run(saveModel(good, model))
      const before = await readFile(join(good, "model.safetensors"))
      model.parameters.get("model.norm.weight")!.data[2] = Infinity
      for (const target of [good, join(folder, "new")]) {
        const error = await failure(saveModel(target, model))
        expect(error.message).toMatch(/tensor "model\.norm\.weight": element 2 is NaN, infinite/)
      }
      expect(await readdir(folder)).toEqual(["good"])
      expect(await readFile(join(good, "model.safetensors"))).toEqual(before)
    }))

  test("does not need the folder that the model came from", () =>
    withCopy("qwen2-tied", async (folder) => {
      const model = await run(loadModel(folder))
      await rename(folder, `${folder}-moved`)
      await run(saveModel(folder, model))
      expect((await run(loadModel(folder))).tokenizer.vocabSize).toBe(316)
    }))

  test("a path that can't be made", async () => {
    const model = await run(loadModel(fixture("qwen2-tied")))
    await withFolder(async (folder) => {
      await writeFile(join(folder, "file"), "")
      await mkdir(join(folder, "other"))
      const error = await failure(saveModel(join(folder, "file", "model"), model))
      expect(error._tag).toBe("ModelError")
      expect(error.message).toContain(join(folder, "file", "model"))
    })
  })
})

describe("fresh models", () => {
  const config = Result.getOrThrow(
    parseConfig({
      ...JSON.parse(readFileSync(fixture("qwen2-untied", "config.json"), "utf8")),
      vocab_size: 300,
      hidden_size: 64
    })
  )

  test("weights are drawn as transformers draws them, and repeat by seed", () => {
    const a = initializeWeights(config, 5)
    const b = initializeWeights(config, 5)
    const c = initializeWeights(config, 6)
    for (const [name, { data }] of a) {
      expect(data).toEqual(b.get(name)!.data)
      const values = Array.from(data)
      const mean = values.reduce((sum, x) => sum + x, 0) / values.length
      const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length)
      if (name.endsWith("norm.weight")) expect([mean, deviation]).toEqual([1, 0])
      else if (name.endsWith("bias")) expect([mean, deviation]).toEqual([0, 0])
      else {
        expect(data).not.toEqual(c.get(name)!.data)
        // Four standard errors.
        expect(Math.abs(mean)).toBeLessThan((4 * 0.02) / Math.sqrt(values.length))
        expect(Math.abs(deviation / 0.02 - 1)).toBeLessThan(4 / Math.sqrt(2 * values.length))
      }
    }
    expect(a.get("model.embed_tokens.weight")!.data).not.toEqual(a.get("lm_head.weight")!.data)
    const scaled = initializeWeights(config, 5, { scaledResiduals: true }).get(
      "model.layers.0.mlp.down_proj.weight"
    )!.data
    expect(scaled[7]! / a.get("model.layers.0.mlp.down_proj.weight")!.data[7]!).toBeCloseTo(
      1 / Math.sqrt(2 * config.layers),
      6
    )
  })

  test("with a trained tokenizer they save and load", () =>
    withFolder(async (folder) => {
      const files = trainTokenizer(["some text and some more"], {
        vocabSize: 270,
        specialTokens: ["<|im_start|>", "<|im_end|>"],
        eosToken: "<|im_end|>"
      })
      const model = await run(initializeModel(config, 1, files))
      await run(saveModel(join(folder, "fresh"), model))
      const loaded = await run(loadModel(join(folder, "fresh")))
      expect(loaded.config).toEqual(config)
      expect(loaded.tokenizer.eosIds).toEqual(model.tokenizer.eosIds)
      expect(loaded.tokenizer.decode(loaded.tokenizer.encode("some text"))).toBe("some text")
      const prompt = loaded.tokenizer.renderChat([{ role: "user", content: "hi" }], { addGenerationPrompt: true })
      expect(prompt).toBe("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n")
      const tooSmall = await failure(initializeModel({ ...config, vocabSize: 256 }, 1, files))
      expect(tooSmall.message).toMatch(/embedding has 256 rows/)
    }))
})
