/** The CUDA execution provider. Written against ONNX Runtime's documentation; not yet run on a GPU. */
import type { CudaOptions } from "./Options.ts"
import type { OrtApi, Pointer } from "./OrtApi.ts"

/** ONNX Runtime's provider options by name. */
export const cudaProviderOptions = (options: CudaOptions): Record<string, string> => ({
  device_id: String(options.deviceId ?? 0),
  use_tf32: options.tf32 === true ? "1" : "0",
  arena_extend_strategy: "kSameAsRequested",
  ...(options.memoryLimit === undefined ? {} : { gpu_mem_limit: String(options.memoryLimit) }),
  ...options.options
})

/** Appends the provider to session options. Throws StatusError, also when its library cannot be loaded. */
export const appendCuda = (api: OrtApi, sessionOptions: Pointer, options: CudaOptions): void => {
  const provider = api.get("CreateCUDAProviderOptions")
  try {
    const entries = Object.entries(cudaProviderOptions(options))
    api.call(
      "UpdateCUDAProviderOptions",
      provider,
      entries.map(([key]) => key),
      entries.map(([, value]) => value),
      entries.length
    )
    api.call("SessionOptionsAppendExecutionProvider_CUDA_V2", sessionOptions, provider)
  } finally {
    api.functions.ReleaseCUDAProviderOptions(provider)
  }
}

/** Whether the provider can be had at all. Throws StatusError. */
export const probeCuda = (api: OrtApi, options: CudaOptions): void => {
  const sessionOptions = api.get("CreateSessionOptions")
  try {
    appendCuda(api, sessionOptions, options)
  } finally {
    api.functions.ReleaseSessionOptions(sessionOptions)
  }
}
