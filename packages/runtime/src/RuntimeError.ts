import { Data } from "effect"

/** OrtErrorCode by number. */
export const ortErrorCodes = [
  "OK", "FAIL", "INVALID_ARGUMENT", "NO_SUCHFILE", "NO_MODEL", "ENGINE_ERROR", "RUNTIME_EXCEPTION", "INVALID_PROTOBUF",
  "MODEL_LOADED", "NOT_IMPLEMENTED", "INVALID_GRAPH", "EP_FAIL", "MODEL_LOAD_CANCELED", "MODEL_REQUIRES_COMPILATION",
  "NOT_FOUND"
] as const

export type OrtErrorCode = typeof ortErrorCodes[number]

/** A status of ONNX Runtime other than OK. */
export interface OrtStatus {
  readonly code: OrtErrorCode
  readonly message: string
}

export interface RuntimeFailure {
  /** Name of the session, empty where there is none yet. */
  readonly session: string
  /** What was being done: `library`, `layer`, `session`, `bind`, `rebind`, `run`, `tensor`, `memory`. */
  readonly operation: string
  /** What went wrong, without the remedy. */
  readonly reason: string
  /** What to do about it. */
  readonly remedy: string
  /** The input at fault. */
  readonly input?: string
  /** The output at fault. */
  readonly output?: string
  /** What the model asks for and what was given, as element type and shape. */
  readonly shape?: { readonly expected: string; readonly actual: string }
  /** ONNX Runtime's code, where the failure is its own. */
  readonly code?: OrtErrorCode
  readonly cause?: unknown
}

const remedies: Partial<Record<OrtErrorCode, string>> = {
  INVALID_ARGUMENT: "Compare types and shapes with session.inputs and session.outputs",
  NO_SUCHFILE: "Check the path of the model and of its external data",
  INVALID_PROTOBUF: "The model is not a complete ONNX file: write or download it again",
  INVALID_GRAPH: "Check the node that is named: its operator set, attributes and input types",
  NOT_IMPLEMENTED: "No kernel of this device takes these types: cast them, or choose another operator",
  RUNTIME_EXCEPTION: "If memory ran out, raise the arena limit or make the batch smaller",
  EP_FAIL: "Check the driver and the libraries of the execution provider"
}

/** What to do about a status of ONNX Runtime. */
export const remedyOf = (code: OrtErrorCode): string =>
  remedies[code] ?? "The message above is ONNX Runtime's own"

/** Every failure of this package: names the session, the operation, the tensor, and the remedy. */
export class RuntimeError extends Data.TaggedError("RuntimeError")<RuntimeFailure & { readonly message: string }> {
  static of(failure: RuntimeFailure): RuntimeError {
    const where = failure.session === "" ? failure.operation : `session "${failure.session}": ${failure.operation}`
    return new RuntimeError({ ...failure, message: `${where}: ${failure.reason}. ${failure.remedy}` })
  }

  static ofStatus(session: string, operation: string, status: OrtStatus): RuntimeError {
    const { code } = status
    return RuntimeError.of({ session, operation, reason: `${code}: ${status.message}`, remedy: remedyOf(code), code })
  }
}
