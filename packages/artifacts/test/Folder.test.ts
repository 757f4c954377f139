import { NodeFileSystem } from "@effect/platform-node"
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals"
import { encodeModel, Graph, toModel } from "@ifrl/onnx"
import { Effect, type FileSystem } from "effect"
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type ArtifactError, generateArtifacts, readArtifacts, writeArtifacts } from "../src/index.ts"
import { decoder } from "./decoder.ts"

const sizes = { V: 11, D: 8, L: 1, H: 2, K: 1, E: 4, F: 12, tied: true }
let folder: string
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "artifacts-"))))
afterAll(() => rm(folder, { recursive: true }))

const run = <A, E>(effect: Effect.Effect<A, E, FileSystem.FileSystem>) => Effect.runPromise(effect.pipe(Effect.provide(NodeFileSystem.layer)))
const failure = <A>(effect: Effect.Effect<A, ArtifactError, FileSystem.FileSystem>) => run(Effect.flip(effect))

describe("a folder", () => {
  test("comes back as it was written", async () => {
    const artifacts = generateArtifacts({ model: decoder(sizes), loss: "grpo+kl", requiresGrad: ["embed", "0.q", "norm"] })
    const directory = join(folder, "made")
    await run(writeArtifacts(directory, artifacts))
    expect((await readdir(directory)).sort()).toEqual([
      "eval_model.onnx", "gradient_norm_model.onnx", "manifest.json", "optimizer_model.onnx", "training_model.onnx"
    ])
    const read = await run(readArtifacts(directory))
    expect(read.manifest).toEqual(artifacts.manifest)
    for (const name of ["training", "evaluation", "optimizer", "gradientNorm"] as const) {
      expect(Buffer.compare(read[name], artifacts[name])).toBe(0)
    }
  })
  test("keeps nothing of what was written there before", async () => {
    const artifacts = generateArtifacts({ model: decoder(sizes), loss: "sft", requiresGrad: ["norm"] })
    const directory = join(folder, "again")
    await run(writeArtifacts(directory, { ...artifacts, generate: artifacts.evaluation }))
    expect((await run(readArtifacts(directory))).generate).toBeDefined()
    await run(writeArtifacts(directory, artifacts))
    expect((await run(readArtifacts(directory))).generate).toBeUndefined()
    // Cut off at a model that can't be written, it is no folder of artifacts any more.
    await rm(join(directory, "training_model.onnx"))
    await mkdir(join(directory, "training_model.onnx"))
    await failure(writeArtifacts(directory, artifacts))
    expect(await readdir(directory)).not.toContain("manifest.json")
  })
  test("its manifest says what to feed, fetch and bind", () => {
    const { manifest } = generateArtifacts({ model: decoder(sizes), loss: "grpo+kl", requiresGrad: ["embed", "norm"] })
    expect(manifest).toMatchObject({ format: "ifrl-artifacts", version: 1, loss: "grpo+kl", elementType: "float32", device: "cpu", recompute: false })
    expect(manifest.parameters.filter(({ trained }) => trained)).toEqual([
      { name: "embed", shape: [11, 8], trained: true, decay: true, gradient: {
        input: "embed_grad.accumulation.buffer", output: "embed_grad.accumulation.out", type: "float32" } },
      { name: "norm", shape: [8], trained: true, decay: false, gradient: {
        input: "norm_grad.accumulation.buffer", output: "norm_grad.accumulation.out", type: "float32" } }
    ])
    expect(manifest.training.inputs.map(({ name, shape, type }) => `${name} ${type} [${shape.join()}]`)).toEqual([
      "input_ids int64 [B,T]", "labels int64 [B,T]", "weights float32 [B,T]", "advantages float32 [B,T]", "old_log_probs float32 [B,T]",
      "ref_log_probs float32 [B,T]", "clip_low float32 []", "clip_high float32 []", "kl_coefficient float32 []"
    ])
    expect(manifest.training.outputs.map(({ name }) => name)).toEqual([
      "loss", "log_probs", "entropy", "tokens", "clipped_low", "clipped_high", "ratio", "old_kl", "kl"
    ])
    expect(manifest.evaluation.inputs.map(({ name }) => name)).toEqual(["input_ids", "labels", "weights"])
    expect(manifest.aliases.training).toHaveLength(2)
    expect(manifest.aliases.optimizer.map(({ input }) => input)).toEqual(["parameter", "first_moment", "second_moment"])
  })
})

describe("refusals", () => {
  test("a folder of ONNX Runtime's training build, by its first training operator", async () => {
    const directory = await mkdtemp(join(folder, "old-"))
    const graph = new Graph("training")
    const x = graph.input("x", "float32", [2])
    const types = [{ type: "float32" as const, shape: [2] }]
    const y = graph.op("Relu", [x])
    const d = graph.op("LayerNormalizationGrad", [y], {}, { domain: "com.microsoft", name: "layer_norm_grad", types })
    graph.output(graph.op("InPlaceAccumulatorV2", [d, x], {}, { domain: "com.microsoft", types }), "out")
    await writeFile(join(directory, "training_model.onnx"), encodeModel(toModel(graph)))
    const error = await failure(readArtifacts(directory))
    expect(error).toMatchObject({ _tag: "ArtifactError", reason: "BadFolder", operator: "LayerNormalizationGrad" })
    expect(error.message).toContain('its training_model.onnx has LayerNormalizationGrad "layer_norm_grad"')
  })
  test("its flatbuffer checkpoint alone", async () => {
    const directory = await mkdtemp(join(folder, "old-"))
    await writeFile(join(directory, "checkpoint"), Buffer.from("\x10\0\0\0ODTC\0\0\0\0", "latin1"))
    expect((await failure(readArtifacts(directory))).message).toContain("its checkpoint is a flatbuffer")
  })
  test("an empty folder, and a manifest of another version", async () => {
    const directory = await mkdtemp(join(folder, "empty-"))
    expect(await failure(readArtifacts(directory))).toMatchObject({ reason: "BadFolder", file: `${directory}/manifest.json` })
    await writeFile(join(directory, "manifest.json"), JSON.stringify({ format: "ifrl-artifacts", version: 2 }))
    expect((await failure(readArtifacts(directory))).message).toContain("is no manifest of version 1")
  })
  test("a folder that can't be made", async () => {
    const file = join(folder, "file")
    await writeFile(file, "")
    const artifacts = generateArtifacts({ model: decoder(sizes), loss: "sft" })
    expect(await failure(writeArtifacts(join(file, "below"), artifacts))).toMatchObject({ reason: "BadFolder" })
  })
  test("names that don't fit the model", () => {
    const model = decoder(sizes)
    expect(() => generateArtifacts({ model, loss: "sft", requiresGrad: ["0.qq"] })).toThrow(
      'Graph "decoder" has no parameter "0.qq". It has embed, 0.norm1'
    )
    expect(() => generateArtifacts({ model, loss: "ppo" as never })).toThrow('There is no loss "ppo". It is one of sft, grpo')
    expect(() => generateArtifacts({ model, loss: "sft", elementType: "float64" })).toThrow('Parameter "embed" is float32, not float64')
  })
})
