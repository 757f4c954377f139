import { foreignModel, generateArtifacts, type LossSpec, type Runner } from "@ifrl/artifacts"
import { fromModel, readModel, type TensorData, tensorData, tensorValues } from "@ifrl/onnx"

/** Mean cross-entropy of the file's own output, logits [rows, classes]. */
const crossEntropy: LossSpec = {
  name: "cross_entropy",
  inputs: [{ name: "labels", type: "int64", shape: ["rows"] }],
  build: ({ graph, inputs }) => {
    const logits = graph.outputs.find(({ name }) => name === "logits")
    return { loss: graph.op("SoftmaxCrossEntropyLoss", [logits, inputs.labels]), outputs: {}, metrics: {} }
  }
}

const float = (dims: ReadonlyArray<number>, values: ArrayLike<number>) => tensorData("float32", dims, values)
const flat = ({ bytes, dims, type }: TensorData): TensorData => ({ type, dims: [dims.reduce((a, b) => a * b, 1)], bytes })

/** Trains the weights inside an ONNX file by AdamW and returns the losses. The runner may be any ONNX Runtime. */
export const train = async (path: string, runner: Runner, batch: Record<string, TensorData>, steps: number) => {
  const graph = fromModel(await readModel(path))
  const weights = [...graph.initializers.keys()].filter(({ shape, type }) => type === "float32" && shape!.length > 0)
  const model = foreignModel(graph, weights.map(({ name }) => name))
  const { manifest, optimizer, training } = generateArtifacts({ model, loss: crossEntropy })
  const [gradients, update] = [await runner(training), await runner(optimizer)]

  const parameters = Object.fromEntries(model.initial)
  const moments = Object.fromEntries(manifest.parameters.map(({ name, shape }) => {
    const zeros = float(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)))
    return [name, { buffer: zeros, first_moment: flat(zeros), second_moment: flat(zeros) }]
  }))
  const losses: Array<number> = []
  for (let step = 1; step <= steps; step++) {
    const buffers = Object.fromEntries(manifest.parameters.map((p) => [p.gradient!.input, moments[p.name]!.buffer]))
    const outputs = await gradients({ ...batch, ...parameters, ...buffers })
    losses.push(Number(tensorValues(outputs.loss!)[0]))
    for (const { gradient, name, shape } of manifest.parameters) {
      const { first_moment, second_moment } = moments[name]!
      const next = await update({
        parameter: flat(parameters[name]!),
        gradient: flat(outputs[gradient!.output]!),
        first_moment,
        second_moment,
        learning_rate: float([], [1e-2]),
        weight_decay: float([], [0]),
        gradient_scale: float([], [1]),
        step: tensorData("int64", [], [step])
      })
      parameters[name] = { ...next["parameter.out"]!, dims: shape }
      Object.assign(moments[name]!, { first_moment: next["first_moment.out"], second_moment: next["second_moment.out"] })
    }
  }
  return losses
}
