import { afterAll, describe, expect, test } from "@jest/globals"
import { encodeModel, Graph, type TensorData, tensorValues, toModel, type Value } from "@ifrl/onnx"
import {
  differentiate, Emit, generateArtifacts, lmHeadLogProbs, lmHeadLoss, type LossSpec, policyInputs, policyLoss, type PolicySpec,
  type SurrogateName, surrogates
} from "../src/index.ts"
import { isPerToken, objectiveOf } from "../src/PolicyObjective.ts"
import { decoder, parameters } from "./decoder.ts"
import { f64, i64, noise, ortRunner } from "./ort.ts"

const ort = ortRunner({ optimization: "basic" })
afterAll(() => ort.close())
const random = noise(17)
const values = (data: TensorData) => Array.from(tensorValues(data) as ArrayLike<number>)

const [N, D, V] = [7, 5, 11]
const scalars = { clip_low: 0.2, clip_high: 0.3, kl_coefficient: 0.1, entropy_coefficient: 0.05 }
const feeds = {
  hidden: f64([N, D], random(N * D, 2)),
  weight: f64([V, D], random(V * D)),
  buffer: f64([V, D], random(V * D)),
  labels: i64([N], [0, 10, 3, 3, 7, 1, 10]),
  weights: f64([N], random(N, 1, 1).map((w, i) => i === 4 ? 0 : w)),
  advantages: f64([N], random(N, 2)),
  old_log_probs: f64([N], random(N, 1, -2)),
  ref_log_probs: f64([N], random(N, 1, -2)),
  sampler_log_probs: f64([N], random(N, 1, -2)),
  ...Object.fromEntries(Object.entries(scalars).map(([name, value]) => [name, f64([], [value])]))
} as Record<string, TensorData>

type Kind = "one pass" | "two passes"

interface Needs {
  readonly hidden: boolean
  readonly weight: boolean
}

/** Loss, metrics, per-token values and gradients of an objective over a head, in one pass or in two. */
const outputsOf = async (spec: PolicySpec, chunk: number, kind: Kind, needed: Needs = { hidden: true, weight: true }) => {
  const graph = new Graph("objective")
  const g = new Emit(graph)
  const declared = policyInputs(spec)
  const hidden = graph.input("hidden", "float64", ["N", D])
  const weight = graph.input("weight", "float64", [V, D])
  const buffer = needed.weight ? graph.input("buffer", "float64", [V, D]) : undefined
  const labels = graph.input("labels", "int64", ["N"])
  const inputs = Object.fromEntries(
    declared.map(({ name, shape }) => [name, graph.input(name, "float64", shape.length === 0 ? [] : ["N"])])
  ) as Record<string, Value>
  const fields = Object.fromEntries(declared.filter(({ shape }) => shape.length > 0).map(({ name }) => [name, inputs[name]!]))
  const head = { hidden, weight, labels, chunk }
  const made = () => {
    if (kind === "one pass") {
      return lmHeadLoss(graph, {
        ...head,
        fields,
        buffer,
        needsHidden: needed.hidden,
        objective: (b, tokens, own) => objectiveOf(b, tokens, { ...inputs, ...own }, spec)
      })
    }
    const tokens = lmHeadLogProbs(graph, head)
    return { ...tokens, ...objectiveOf(g, tokens, inputs, spec) }
  }
  const { entropy, logProbs, loss, metrics } = made()
  const wrt = [...(needed.hidden ? [hidden] : []), ...(needed.weight ? [weight] : [])]
  const gradients = differentiate(graph, { loss, wrt, accumulators: new Map(buffer === undefined ? [] : [[weight, buffer]]) })
  const named = { loss, log_probs: logProbs, entropy, ...metrics }
  for (const [name, value] of Object.entries(named)) graph.output(value, `out.${name}`)
  for (const value of wrt) graph.output(gradients.get(value)!, `gradient.${value.name}`)
  if (buffer !== undefined) expect(graph.consumers(buffer).map(({ opType }) => opType)).toEqual(["Loop"])
  const used = new Set(graph.inputs.map(({ name }) => name))
  return (await ort.runner(encodeModel(toModel(graph))))(Object.fromEntries(Object.entries(feeds).filter(([name]) => used.has(name))))
}

const same = (one: Record<string, TensorData>, two: Record<string, TensorData>) => {
  expect(Object.keys(one).toSorted()).toEqual(Object.keys(two).toSorted())
  for (const [name, expected] of Object.entries(two)) {
    values(one[name]!).forEach((x, i) => expect([name, x]).toEqual([name, expect.closeTo(values(expected)[i]!, 12)]))
  }
}

const perToken = (Object.keys(surrogates) as ReadonlyArray<SurrogateName>).filter((surrogate) => isPerToken({ surrogate }))
const specs: ReadonlyArray<readonly [name: string, spec: PolicySpec]> = [
  ...perToken.map((surrogate) => [surrogate, { surrogate }] as const),
  ["clip with everything", { dualClip: 3, ratioCap: 4, entropy: true, kl: { corrected: true } }],
  ["k3+ and token-truncate", { kl: { estimator: "k3+" }, importance: { name: "token-truncate", low: 0.5, high: 2 } }],
  ["cispo, token-mask and entropy", { surrogate: "cispo", entropy: true, importance: { name: "token-mask", low: 0.5, high: 2 } }]
]

describe.each(specs)("%s", (_, spec) => {
  test.each([1, 3, 64])("one pass in chunks of %i tokens gives what two passes give", async (chunk) => {
    expect(isPerToken(spec)).toBe(true)
    same(await outputsOf(spec, chunk, "one pass"), await outputsOf(spec, chunk, "two passes"))
  })
})

test("only the hidden states, or only the head, is trained", async () => {
  for (const needed of [{ hidden: true, weight: false }, { hidden: false, weight: true }]) {
    same(await outputsOf({ kl: {} }, 3, "one pass", needed), await outputsOf({ kl: {} }, 3, "two passes", needed))
  }
})

test("objectives over rows, and of weights over rows, are told from those over tokens", () => {
  expect(perToken).toEqual(["clip", "cispo", "sapo", "total-variation"])
  expect(isPerToken({ offPolicyLimit: 1 })).toBe(false)
  expect(isPerToken({ importance: { name: "sequence-mask", low: 0, high: 1 } })).toBe(false)
})

test("a loss that is part of another is refused, and so are gradients of its per-token values", () => {
  const make = (loss: (g: Emit, made: ReturnType<typeof lmHeadLoss>) => Value) => {
    const graph = new Graph("refused")
    const g = new Emit(graph)
    const hidden = graph.input("hidden", "float64", ["N", D])
    const weight = graph.input("weight", "float64", [V, D])
    const labels = graph.input("labels", "int64", ["N"])
    const made = lmHeadLoss(graph, {
      hidden, weight, labels, fields: {}, buffer: undefined, needsHidden: true,
      objective: (b, { logProbs }) => ({ loss: b.sumAll(logProbs), metrics: {} })
    })
    return () => differentiate(graph, { loss: loss(g, made), wrt: [hidden] })
  }
  expect(make((_, { loss }) => loss)).not.toThrow()
  expect(make((g, { loss }) => g.scale(loss, 2))).toThrow(/part of a larger loss.*Use lmHeadLogProbs/s)
  expect(make((g, { logProbs, loss }) => g.add(loss, g.sumAll(logProbs)))).toThrow(/part of a larger loss/)
})

const sizes = { V: 23, D: 16, L: 1, H: 4, K: 2, E: 4, F: 24 }

test.each([true, false])("training graphs read the head's logits once where the objective allows it (tied: %s)", async (tied) => {
  const model = () => decoder({ ...sizes, tied }, { type: "float64", block: 4 })
  const training = (loss: LossSpec) => generateArtifacts({ model: model(), loss })
  const spec = policyLoss("test", { kl: {}, entropy: true })
  const fused = training(spec)
  const plain = training({ ...spec, build: (site) => spec.build({ ...site, buffers: undefined }) })
  const [rows, length] = [3, 6]
  const grid = (mean: number) => f64([rows, length], random(rows * length, 1, mean))
  const batch = {
    ...parameters({ ...sizes, tied }, "float64"),
    input_ids: i64([rows, length], random(rows * length, 11, 11).map(Math.floor)),
    labels: i64([rows, length], random(rows * length, 11, 11).map(Math.floor)),
    weights: grid(1), advantages: grid(0), old_log_probs: grid(-3), ref_log_probs: grid(-3),
    ...Object.fromEntries(Object.entries(scalars).map(([name, value]) => [name, f64([], [value])])),
    ...Object.fromEntries(fused.manifest.parameters.map(({ gradient, shape }) =>
      [gradient!.input, f64(shape, random(shape.reduce((a, b) => a * b, 1)))]))
  }
  same(await (await ort.runner(fused.training))(batch), await (await ort.runner(plain.training))(batch))
  const loops = ({ training }: { readonly training: Uint8Array }) => new Set(Buffer.from(training).toString("latin1").match(/lm_head\w*/g))
  expect(loops(fused)).toEqual(new Set(["lm_head_loss"]))
  expect(loops(plain)).toEqual(new Set(["lm_head", "lm_head_backward"]))
  expect(loops(training(policyLoss("rows", { surrogate: "sequence" })))).toEqual(new Set(["lm_head", "lm_head_backward"]))
})
