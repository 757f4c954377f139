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

/** The first row whose code and pattern fit says what to do. */
const remedies: ReadonlyArray<{ readonly code?: OrtErrorCode; readonly says?: RegExp; readonly remedy: string }> = [
  {
    says: /Available memory of \d+ is smaller/,
    remedy: "Raise the layer's arena limit, or give the run a smaller batch"
  },
  {
    says: /onnxruntime_providers_|CUDA execution provider is not enabled/i,
    remedy: "Put the CUDA provider libraries beside ONNX Runtime's (onnxruntime-node's install script does on linux x64), "
      + "name a CUDA build with \"library\" or IFRL_ONNXRUNTIME_LIBRARY, or use device \"cpu\""
  },
  {
    says: /pre-allocated output/,
    remedy: "Bind a tensor of the computed shape, or let the output be allocated"
  },
  { says: /Model data pointer is null/, remedy: "Give the bytes of an ONNX file" },
  { code: "NO_SUCHFILE", remedy: "Check the path of the model and of its external data" },
  { code: "INVALID_PROTOBUF", remedy: "This is not a complete ONNX file: write or download it again" },
  { code: "INVALID_GRAPH", remedy: "Check the named node: its operator set, attributes and input types" },
  { code: "NOT_IMPLEMENTED", remedy: "No kernel of this device takes these types: cast them or use another operator" },
  { code: "INVALID_ARGUMENT", remedy: "Check the named node or option" }
]

const remedyOf = (status: OrtStatus): string =>
  remedies.find(({ code, says }) => (code ?? status.code) === status.code && (says?.test(status.message) ?? true))
    ?.remedy ?? "The reason is in ONNX Runtime's own words"

/** One line, without the full stop that the remedy would follow. */
const oneLine = (message: string): string => message.trim().replace(/\s+/g, " ").replace(/\.+$/, "")

/** Every failure of this package: names the session, the operation, the tensor, and the remedy. */
export class RuntimeError extends Data.TaggedError("RuntimeError")<RuntimeFailure & { readonly message: string }> {
  static of(failure: RuntimeFailure): RuntimeError {
    const where = failure.session === "" ? failure.operation : `session "${failure.session}": ${failure.operation}`
    return new RuntimeError({ ...failure, message: `${where}: ${failure.reason}. ${failure.remedy}` })
  }

  static ofStatus(session: string, operation: string, status: OrtStatus): RuntimeError {
    const reason = `${status.code}: ${oneLine(status.message)}`
    return RuntimeError.of({ session, operation, reason, remedy: remedyOf(status), code: status.code })
  }
}
