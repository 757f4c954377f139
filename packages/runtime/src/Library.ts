/** Finds ONNX Runtime's shared library, loads it and keeps it loaded for the life of the process. */
import koffi from "koffi"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { OrtApi } from "./OrtApi.ts"
import { RuntimeError } from "./RuntimeError.ts"

/** Environment variable that names another build of ONNX Runtime (a CUDA build, the system's). */
export const libraryVariable = "IFRL_ONNXRUNTIME_LIBRARY"

const shipped: Readonly<Record<string, string>> = {
  "linux-x64": "linux/x64/libonnxruntime.so.1",
  "linux-arm64": "linux/arm64/libonnxruntime.so.1",
  "darwin-arm64": "darwin/arm64/libonnxruntime.1.dylib",
  "win32-x64": "win32/x64/onnxruntime.dll",
  "win32-arm64": "win32/arm64/onnxruntime.dll"
}

/** The path of the library: the one given, else the environment's, else the one inside onnxruntime-node. */
export const libraryPath = (library?: string): string => {
  const named = library ?? process.env[libraryVariable]
  if (named !== undefined && named !== "") return named
  const file = shipped[`${process.platform}-${process.arch}`]
  if (file === undefined) {
    throw RuntimeError.of({
      session: "",
      operation: "library",
      reason: `onnxruntime-node ships no library for ${process.platform} on ${process.arch}`,
      remedy: `Name one with the layer option "library" or ${libraryVariable}`
    })
  }
  const manifest = createRequire(import.meta.url).resolve("onnxruntime-node/package.json")
  return join(dirname(manifest), "bin", "napi-v6", file)
}

/**
 * koffi runs native code on stacks of its own, 128 KiB for asynchronous calls by default, of which a plain matrix product
 * takes more than half; running over ends the process. The system commits these pages only as they are touched.
 */
const stack = 8 * 1024 * 1024

const reserveStacks = () => {
  const config = koffi.config()
  if ((config.async_stack_size ?? 0) >= stack && (config.sync_stack_size ?? 0) >= stack) return
  try {
    koffi.config({ sync_stack_size: stack, async_stack_size: stack })
  } catch (cause) {
    throw RuntimeError.of({
      session: "",
      operation: "library",
      reason: "koffi has loaded another library already, with stacks too small for ONNX Runtime",
      remedy: `Call koffi.config({ sync_stack_size: ${stack}, async_stack_size: ${stack} }) before koffi loads anything`,
      cause
    })
  }
}

/**
 * Raises the system's own count for the library. koffi unloads a library whose handle was collected, functions decoded
 * from OrtApi hold no reference to it, and its threads must not outlive their code.
 */
const pin = (path: string) => {
  if (process.platform === "win32") {
    const alteredSearchPath = 8
    koffi.load("kernel32.dll").func("LoadLibraryExW", "void *", ["str16", "void *", "uint32_t"])(
      path,
      null,
      alteredSearchPath
    )
  } else {
    const now = 2
    koffi.load(null).func("dlopen", "void *", ["str", "int"])(path, now)
  }
}

const loaded = new Map<string, OrtApi>()

/** Loads the library once. Throws RuntimeError. */
export const loadLibrary = (library?: string): OrtApi => {
  const path = libraryPath(library)
  const known = loaded.get(path)
  if (known !== undefined) return known
  reserveStacks()
  try {
    const handle = koffi.load(path)
    pin(path)
    const api = new OrtApi(handle.func("OrtGetApiBase", "void *", [])())
    loaded.set(path, api)
    return api
  } catch (cause) {
    throw RuntimeError.of({
      session: "",
      operation: "library",
      reason: `cannot load ONNX Runtime from ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      remedy: `Reinstall onnxruntime-node, or name a build of 1.17 or later with "library" or ${libraryVariable}`,
      cause
    })
  }
}
