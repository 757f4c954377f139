import { generateArtifacts } from "@ifrl/artifacts"
import { describe, expect, test } from "@jest/globals"
import { Runtime, Tensor } from "@ifrl/runtime"
import { Effect } from "effect"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import {
  type Classifier,
  classifierGraph,
  classifierOn,
  loadClassifier,
  loadModel,
  readSafetensors,
  saveClassifier,
  scoreName
} from "../src/index.ts"
import { maxDifference, relativeDifference, type Tensors } from "./reference.ts"
import { failure, fixture, run, withFolder } from "./support.ts"

const folder = fixture("qwen2-classifier")

const expectedTensors = async (): Promise<Tensors> =>
  Object.fromEntries((await run(readSafetensors(join(folder, "expected.safetensors")))).tensors)

/** Outputs of the training and of the evaluation graph on the fixture's batch. */
const outputs = async (classifier: Classifier, expected: Tensors) => {
  const { evaluation, manifest, training } = generateArtifacts({
    model: classifierGraph(classifier, { maxLength: 64 }),
    loss: "classification"
  })
  const names = ["input_ids", "positions", "labels", "weights"]
  const inputs = {
    ...Object.fromEntries(classifier.parameters),
    ...Object.fromEntries(names.map((name) => [name, expected[name]!]))
  }
  const buffers = manifest.parameters.map(({ gradient, shape }) => [gradient!.input, Tensor.zeros("float32", shape)])
  return Effect.runPromise(
    Effect.gen(function*() {
      const runtime = yield* Runtime
      const train = yield* runtime.session(training)
      const evaluate = yield* runtime.session(evaluation)
      return {
        trained: yield* train.run({ ...inputs, ...Object.fromEntries(buffers) }),
        evaluated: yield* evaluate.run(inputs)
      }
    }).pipe(Effect.scoped, Effect.provide(Runtime.layer({ threads: 2 })))
  )
}

describe("a folder of transformers' Qwen2ForSequenceClassification", () => {
  test("scores, loss and gradients equal PyTorch's", async () => {
    const classifier = await run(loadClassifier(folder))
    expect(classifier.labels).toEqual(["broken", "followed"])
    const expected = await expectedTensors()
    const { evaluated, trained } = await outputs(classifier, expected)
    for (const found of [evaluated, trained]) {
      expect(maxDifference(found.logits!, expected.logits!)).toBeLessThan(1e-4)
      expect(maxDifference(found.loss!, expected.loss!)).toBeLessThan(1e-5)
    }
    const wanted = Object.keys(expected).filter((key) => key.startsWith("grad."))
    expect(wanted.length).toBe(classifier.parameters.size)
    for (const key of wanted) {
      const error = relativeDifference(trained[`${key.slice(5)}_grad.accumulation.out`]!, expected[key]!)
      expect([key, error < 1e-4, error]).toEqual([key, true, error])
    }
  })

  test("saved and loaded again it is the same, bit for bit", () =>
    withFolder(async (temporary) => {
      const copy = join(temporary, "copy")
      const classifier = await run(loadClassifier(folder))
      await run(saveClassifier(copy, classifier))
      const again = await run(loadClassifier(copy))
      for (const [name, tensor] of classifier.parameters) expect(again.parameters.get(name)!.data).toEqual(tensor.data)
      expect(await readFile(join(copy, "config.json"), "utf8")).toBe(
        await readFile(join(folder, "config.json"), "utf8")
      )
    }))
})

test("a fresh head on a model shares its weights and is saved under transformers' names", () =>
  withFolder(async (temporary) => {
    const model = await run(loadModel(fixture("qwen2-tied")))
    const classifier = classifierOn(model, { labels: ["no", "yes"], seed: 3 })
    const embedding = "model.embed_tokens.weight"
    expect(classifier.parameters.get(embedding)).toBe(model.parameters.get(embedding))
    expect(classifier.parameters.get(scoreName)!.dims).toEqual([2, 32])
    await run(saveClassifier(join(temporary, "head"), classifier))
    const json: unknown = JSON.parse(await readFile(join(temporary, "head", "config.json"), "utf8"))
    expect(json).toMatchObject({
      architectures: ["Qwen2ForSequenceClassification"],
      id2label: { 0: "no", 1: "yes" },
      label2id: { no: 0, yes: 1 },
      pad_token_id: 0
    })
    const again = await run(loadClassifier(join(temporary, "head")))
    expect(again.labels).toEqual(["no", "yes"])
    expect(again.parameters.get(scoreName)!.data).toEqual(classifier.parameters.get(scoreName)!.data)
  }))

test("a causal model is refused by its architecture, a folder without a head by the tensor", () =>
  withFolder(async (temporary) => {
    const error = await failure(loadClassifier(fixture("qwen2-tied")))
    expect(error.key).toBe("architectures")
    const headless = join(temporary, "headless")
    const classifier = await run(loadClassifier(folder))
    const parameters = new Map(classifier.parameters)
    parameters.delete(scoreName)
    await run(saveClassifier(headless, { ...classifier, parameters }))
    await writeFile(join(headless, "config.json"), await readFile(join(folder, "config.json")))
    expect((await failure(loadClassifier(headless))).tensor).toBe(scoreName)
  }))
