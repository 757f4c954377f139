/**
 * ONNX Runtime's C API as functions. `OrtApi` is a struct of function pointers whose order is part of the ABI and only
 * ever grows, so each function is its index in the public header (onnxruntime_c_api.h) and its prototype.
 *
 * Prototypes stay anonymous: koffi registers named ones for the whole process and refuses to see a name twice.
 */
import koffi from "koffi"
import { ortErrorCodes, type OrtStatus } from "./RuntimeError.ts"

/** An address; 0n is NULL. */
export type Pointer = bigint

const pointer = "void *"
const out = "void *"
const text = "str"
const size = "size_t"
/** ORTCHAR_T: paths are UTF-16 on Windows. */
const path = process.platform === "win32" ? "str16" : "str"

const status = "void *"

const table = {
  GetErrorCode: [1, "int", [pointer]],
  GetErrorMessage: [2, text, [pointer]],
  CreateSession: [7, status, [pointer, path, pointer, out]],
  CreateSessionFromArray: [8, status, [pointer, pointer, size, pointer, out]],
  CreateSessionOptions: [10, status, [out]],
  SetSessionExecutionMode: [13, status, [pointer, "int"]],
  EnableMemPattern: [16, status, [pointer]],
  DisableMemPattern: [17, status, [pointer]],
  EnableCpuMemArena: [18, status, [pointer]],
  DisableCpuMemArena: [19, status, [pointer]],
  SetSessionLogSeverityLevel: [22, status, [pointer, "int"]],
  SetSessionGraphOptimizationLevel: [23, status, [pointer, "int"]],
  SetIntraOpNumThreads: [24, status, [pointer, "int"]],
  SessionGetInputCount: [30, status, [pointer, out]],
  SessionGetOutputCount: [31, status, [pointer, out]],
  SessionGetInputTypeInfo: [33, status, [pointer, size, out]],
  SessionGetOutputTypeInfo: [34, status, [pointer, size, out]],
  SessionGetInputName: [36, status, [pointer, size, pointer, out]],
  SessionGetOutputName: [37, status, [pointer, size, pointer, out]],
  CreateRunOptions: [39, status, [out]],
  RunOptionsSetRunLogSeverityLevel: [41, status, [pointer, "int"]],
  RunOptionsSetTerminate: [46, status, [pointer]],
  CreateTensorWithDataAsOrtValue: [49, status, [pointer, pointer, size, pointer, size, "int", out]],
  GetTensorMutableData: [51, status, [pointer, out]],
  CastTypeInfoToTensorInfo: [55, status, [pointer, out]],
  GetTensorElementType: [60, status, [pointer, out]],
  GetDimensionsCount: [61, status, [pointer, out]],
  GetDimensions: [62, status, [pointer, pointer, size]],
  GetSymbolicDimensions: [63, status, [pointer, pointer, size]],
  GetTensorTypeAndShape: [65, status, [pointer, out]],
  CreateCpuMemoryInfo: [69, status, ["int", "int", out]],
  AllocatorFree: [76, status, [pointer, pointer]],
  GetAllocatorWithDefaultOptions: [78, status, [out]],
  ReleaseStatus: [93, "void", [pointer]],
  ReleaseSession: [95, "void", [pointer]],
  ReleaseValue: [96, "void", [pointer]],
  ReleaseRunOptions: [97, "void", [pointer]],
  ReleaseTypeInfo: [98, "void", [pointer]],
  ReleaseTensorTypeAndShapeInfo: [99, "void", [pointer]],
  ReleaseSessionOptions: [100, "void", [pointer]],
  CreateEnvWithGlobalThreadPools: [119, status, ["int", text, pointer, out]],
  DisablePerSessionThreads: [120, status, [pointer]],
  CreateThreadingOptions: [121, status, [out]],
  ReleaseThreadingOptions: [122, "void", [pointer]],
  AddSessionConfigEntry: [130, status, [pointer, text, text]],
  RunWithBinding: [133, status, [pointer, pointer, pointer]],
  CreateIoBinding: [134, status, [pointer, out]],
  ReleaseIoBinding: [135, "void", [pointer]],
  BindInput: [136, status, [pointer, text, pointer]],
  BindOutput: [137, status, [pointer, text, pointer]],
  BindOutputToDevice: [138, status, [pointer, text, pointer]],
  GetBoundOutputNames: [139, status, [pointer, pointer, out, out, out]],
  GetBoundOutputValues: [140, status, [pointer, pointer, out, out]],
  ClearBoundOutputs: [142, "void", [pointer]],
  SetGlobalIntraOpNumThreads: [147, status, [pointer, "int"]],
  SetGlobalInterOpNumThreads: [148, status, [pointer, "int"]],
  SetGlobalSpinControl: [149, status, [pointer, "int"]],
  ReleaseArenaCfg: [157, "void", [pointer]],
  CreateArenaCfgV2: [164, status, ["const char **", pointer, size, out]],
  AddRunConfigEntry: [165, status, [pointer, text, text]],
  UnregisterAllocator: [177, status, [pointer, pointer]],
  SessionOptionsAppendExecutionProvider_CUDA_V2: [204, status, [pointer, pointer]],
  CreateCUDAProviderOptions: [205, status, [out]],
  UpdateCUDAProviderOptions: [206, status, [pointer, "const char **", "const char **", size]],
  ReleaseCUDAProviderOptions: [208, "void", [pointer]],
  CreateAndRegisterAllocatorV2: [259, status, [pointer, text, pointer, pointer, pointer, pointer, size]]
} as const satisfies Record<string, readonly [number, string, ReadonlyArray<string>]>

type Name = keyof typeof table
type Argument = bigint | number | string | ReadonlyArray<string> | null

export interface NativeFunction {
  (...args: ReadonlyArray<Argument>): any
  /** Runs on a thread of libuv's pool; whatever the arguments point to must stay referenced until the callback. */
  readonly async: (...args: ReadonlyArray<any>) => void
}

type Functions = { readonly [N in Name]: NativeFunction }

/** Thrown by `call` and `get`: a status that was not OK. Turned into a RuntimeError where session and operation are known. */
export class StatusError extends Error {
  readonly status: OrtStatus
  constructor(status: OrtStatus) {
    super(status.message)
    this.status = status
  }
}

/** The oldest OrtApi version with every function of the table: CreateAndRegisterAllocatorV2 came with 1.17. */
const apiVersion = 17
/** Tells a scalar from a tensor of unknown rank; absent before 1.24. */
const hasShape = { index: 390, since: 24 }

export class OrtApi {
  readonly version: string
  readonly functions: Functions
  readonly hasShape: NativeFunction | undefined
  // An explicit ArrayBuffer: V8 keeps small typed arrays on its moving heap.
  readonly #slots = new BigUint64Array(new ArrayBuffer(64))
  readonly #slot = koffi.address(this.#slots.buffer)

  #array = new BigInt64Array(new ArrayBuffer(64))

  constructor(base: Pointer) {
    const [getApi, getVersion] = koffi.decode(base, koffi.array(pointer, 2)) as [Pointer, Pointer]
    this.version = koffi.decode(getVersion, koffi.proto("str", []))()
    const apiOf = koffi.decode(getApi, koffi.proto(pointer, ["uint32_t"]))
    const recent: Pointer | null = this.#atLeast(hasShape.since) ? apiOf(hasShape.since) : null
    const api: Pointer | null = recent ?? (this.#atLeast(apiVersion) ? apiOf(apiVersion) : null)
    if (api === null) throw new Error(`ONNX Runtime ${this.version} is older than 1.${apiVersion}`)
    const function_ = (index: number, result: string, args: ReadonlyArray<string>): NativeFunction =>
      koffi.decode(koffi.decode(api, index * koffi.sizeof(pointer), pointer), koffi.proto(result, [...args]))
    this.functions = Object.fromEntries(
      Object.entries(table).map(([name, [index, result, args]]) => [name, function_(index, result, args)])
    ) as Functions
    this.hasShape = recent === null ? undefined : function_(hasShape.index, "bool", [pointer])
  }

  #atLeast(minor: number): boolean {
    const [major = 0, current = 0] = this.version.split(".").map(Number)
    return major > 1 || current >= minor
  }

  /** Address of an ArrayBuffer's memory. */
  addressOf(buffer: ArrayBufferLike): Pointer {
    return koffi.address(buffer)
  }

  /**
   * 64-bit integers for the next call, at an address in memory that outlives it: a collection may free what only an
   * address refers to, even before the call.
   */
  array(values: ReadonlyArray<number | bigint>): Pointer {
    if (values.length > this.#array.length) this.#array = new BigInt64Array(new ArrayBuffer(values.length * 8))
    for (let i = 0; i < values.length; i++) this.#array[i] = BigInt(values[i]!)
    return koffi.address(this.#array.buffer)
  }

  /** The C string at an address. */
  text(address: Pointer): string {
    return koffi.decode.string(address)
  }

  /** A copy of the bytes at an address. */
  copy(address: Pointer, target: Uint8Array): void {
    if (target.byteLength > 0) target.set(new Uint8Array(koffi.view(address, target.byteLength)))
  }

  /** Takes a status over: releases it and returns what it said, undefined for success. */
  take(status: Pointer | null): OrtStatus | undefined {
    if (status === null || status === 0n) return undefined
    const code = ortErrorCodes[this.functions.GetErrorCode(status)] ?? "FAIL"
    const message: string = this.functions.GetErrorMessage(status)
    this.functions.ReleaseStatus(status)
    return { code, message }
  }

  /** Calls a function that returns a status. */
  call(name: Name, ...args: ReadonlyArray<Argument>): void {
    const failed = this.take(this.functions[name](...args))
    if (failed !== undefined) throw new StatusError(failed)
  }

  /** Calls a function whose last argument is an output, and returns it: a pointer or an integer. */
  get(name: Name, ...args: ReadonlyArray<Argument>): bigint {
    return this.getAll(name, 1, ...args)[0]!
  }

  /** Calls a function whose last `count` arguments are outputs of up to eight bytes each. */
  getAll(name: Name, count: number, ...args: ReadonlyArray<Argument>): Array<bigint> {
    this.#slots.fill(0n)
    this.call(name, ...args, ...Array.from({ length: count }, (_, i) => this.#slot + 8n * BigInt(i)))
    return Array.from(this.#slots.subarray(0, count))
  }
}
