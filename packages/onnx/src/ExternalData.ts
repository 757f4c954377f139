import { closeSync, fstatSync, openSync, readSync, realpathSync, statSync } from "node:fs"
import { dirname, isAbsolute, join, sep } from "node:path"
import type { ElementType } from "./ElementType.ts"
import type { TensorProto } from "./onnx_pb.ts"
import { OnnxError } from "./OnnxError.ts"
import { byteLengthOf, type TensorData } from "./TensorData.ts"

/** Bytes in a file beside a model. */
export interface ExternalSource {
  readonly path: string
  readonly offset: number
  /** Undefined: up to the end of the file. */
  readonly length: number | undefined
  /** Last modification in nanoseconds: data of a file that changed since isn't the model's. */
  readonly modified: bigint
}

/** Where readModel found the external tensors of the models that it read. */
const sources = new WeakMap<TensorProto, ExternalSource>()

/** A tensor whose bytes stay in a file: every use of `bytes` reads them anew, so keep the result, not the habit. */
export class ExternalTensor implements TensorData {
  readonly type: ElementType
  readonly dims: ReadonlyArray<number>
  readonly source: ExternalSource
  readonly byteLength: number

  constructor(type: ElementType, dims: ReadonlyArray<number>, source: ExternalSource, byteLength: number) {
    this.type = type
    this.dims = dims
    this.source = source
    this.byteLength = byteLength
  }

  get bytes(): Uint8Array {
    const bytes = new Uint8Array(this.byteLength)
    let at = 0
    for (const chunk of readChunks(this.source, this.byteLength)) {
      bytes.set(chunk, at)
      at += chunk.byteLength
    }
    return bytes
  }
}

const chunkSize = 8 * 2 ** 20

/** The bytes of a source in order, through one buffer that the next chunk overwrites. */
export function* readChunks({ modified, offset, path }: ExternalSource, length: number): Generator<Uint8Array> {
  const file = openSync(path, "r")
  try {
    const { mtimeNs, size } = fstatSync(file, { bigint: true })
    if (mtimeNs !== modified) {
      throw new OnnxError({
        problem: `${path} was changed after the model was read`,
        remedy: "Read the model again; write to another file than the one in use",
        file: path
      })
    }
    if (offset + length > size) {
      throw new OnnxError({
        problem: `${path} has ${size} bytes, a tensor needs ${length} from ${offset} on`,
        remedy: "The file is damaged or belongs to another model: export the model again",
        file: path
      })
    }
    const buffer = new Uint8Array(Math.min(chunkSize, length))
    for (let at = 0; at < length;) {
      const read = readSync(file, buffer, 0, Math.min(buffer.byteLength, length - at), offset + at)
      if (read === 0) {
        throw new OnnxError({
          problem: `${path} ended after ${at} of ${length} bytes`,
          remedy: "Something is writing the file: read it when that is done",
          file: path
        })
      }
      yield buffer.subarray(0, read)
      at += read
    }
  } finally {
    closeSync(file)
  }
}

const entryNumber = (tensor: TensorProto, key: string): number | undefined => {
  const text = tensor.externalData.find((entry) => entry.key === key)?.value
  if (text === undefined || text === "") return undefined
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new OnnxError({
    problem: `Tensor ${tensor.name} has external ${key} "${text}"`,
    remedy: "It must be a non-negative integer",
    tensor: tensor.name
  })
}

const contains = (directory: string, path: string): boolean =>
  path.startsWith(directory.endsWith(sep) ? directory : directory + sep)

/**
 * The file that `location` names. It must lie below the model's folder, links followed; where the model itself is a
 * link (the cache of Hugging Face), below the folder that holds the model's own file.
 */
const resolveLocation = (modelPath: string, location: string, tensor: string): string => {
  const refuse = (problem: string, remedy: string): never => {
    throw new OnnxError({ problem: `Tensor ${tensor} of ${modelPath} ${problem}`, remedy, tensor, file: modelPath })
  }
  const parts = location.split(/[\\/]/)
  const outside = location === "" || location.includes("\0") || isAbsolute(location) ||
    /^(?:[A-Za-z]:|[\\/])/.test(location)
  if (outside || parts.includes("..")) {
    return refuse(
      `keeps its data in ${JSON.stringify(location)}, outside the model's folder`,
      "External data must lie beside the model: don't trust this file"
    )
  }
  const path = join(dirname(modelPath), ...parts)
  let real: string
  try {
    real = realpathSync(path)
  } catch (cause) {
    throw new OnnxError({
      problem: `Tensor ${tensor} of ${modelPath} keeps its data in ${path}, which can't be opened`,
      remedy: "Put the file beside the model",
      tensor,
      file: path,
      cause
    })
  }
  const roots = [realpathSync(dirname(modelPath)), dirname(realpathSync(modelPath))]
  return roots.some((root) => contains(root, real))
    ? real
    : refuse(`keeps its data in ${path}, a link out of the model's folder`, "Put the file itself beside the model")
}

/** Remembers where an external tensor of the model at `modelPath` lies, after checking that it may lie there. */
export const registerSource = (tensor: TensorProto, modelPath: string): void => {
  const location = tensor.externalData.find((entry) => entry.key === "location")?.value ?? ""
  const path = resolveLocation(modelPath, location, tensor.name)
  sources.set(tensor, {
    path,
    modified: statSync(path, { bigint: true }).mtimeNs,
    offset: entryNumber(tensor, "offset") ?? 0,
    length: entryNumber(tensor, "length")
  })
}

export const sourceOf = (tensor: TensorProto): ExternalSource => {
  const source = sources.get(tensor)
  if (source !== undefined) return source
  throw new OnnxError({
    problem: `Tensor ${tensor.name} is external, and nothing tells where its file is`,
    remedy: "Read the model with readModel(path), not with decodeModel",
    tensor: tensor.name
  })
}

export const externalTensor = (tensor: TensorProto, type: ElementType, dims: ReadonlyArray<number>): ExternalTensor => {
  const source = sourceOf(tensor)
  const expected = byteLengthOf(type, dims)
  if (expected === undefined || source.length !== undefined && source.length !== expected) {
    throw new OnnxError({
      problem: `Tensor ${tensor.name} (${type}[${
        dims.join(", ")
      }]) has ${source.length} external bytes, not ${expected}`,
      remedy: "The file is damaged: export the model again",
      tensor: tensor.name,
      file: source.path
    })
  }
  return new ExternalTensor(type, dims, source, expected)
}
