/** Options of the Runtime layer and of sessions. */

/** The arena that all sessions of a process share; sizes in bytes. */
export interface ArenaOptions {
  /** Most memory that all sessions together may take. A run that needs more fails with a RuntimeError. No limit by default. */
  readonly limit?: number
  /** Grow by powers of two (the default), or by what is asked for, which fragments when shapes vary. */
  readonly extend?: "powerOfTwo" | "asRequested"
  /** The first chunk. */
  readonly initialChunk?: number
  /** How much of a chunk may be wasted before it is split. */
  readonly maxDeadBytesPerChunk?: number
  /** The first chunk after shrinking. */
  readonly initialGrowth?: number
}

/** Options of the CUDA execution provider. */
export interface CudaOptions {
  /** Which GPU, 0 by default. */
  readonly deviceId?: number
  /** Most device memory that the provider's arena may take, in bytes. */
  readonly memoryLimit?: number
  /** Let matrix products round fp32 inputs to TF32. Off by default. */
  readonly tf32?: boolean
  /** Further options by ONNX Runtime's own names, as in its CUDA provider documentation. */
  readonly options?: Readonly<Record<string, string>>
}

export interface RuntimeOptions {
  /** Path of an ONNX Runtime library, 1.17 or later; else IFRL_ONNXRUNTIME_LIBRARY, else the one in onnxruntime-node. */
  readonly library?: string
  /** Where sessions run. Default "cpu". */
  readonly device?: "cpu" | "cuda"
  /**
   * Threads that work on an operator, 1 to 1,024; all that this process may use by default. The sessions of the first
   * layer of a process share one pool of them, as do those of later layers with the same settings.
   */
  readonly threads?: number
  /**
   * Let idle threads look out for work for some milliseconds before they sleep. Faster by 10 to 35% where graphs are of small
   * operators, and no hindrance to other sessions, which share the threads; it takes time from other processes. Default true.
   */
  readonly spinning?: boolean
  /** Settings of the arena that all sessions of the process share, or "session" for one arena a session. */
  readonly arena?: ArenaOptions | "session"
  readonly cuda?: CudaOptions
}

export const optimizations = { none: 0, basic: 1, extended: 2, all: 99 } as const

export interface SessionOptions {
  /** How errors call the session. */
  readonly name?: string
  /** Threads within an operator. Default: the layer's; another number gives the session threads of its own. */
  readonly threads?: number
  /** How far ONNX Runtime rewrites the graph. Default "all". */
  readonly optimization?: keyof typeof optimizations
  /** Plan one block for all intermediates of a shape. Faster for tiny fixed shapes, and much memory. Default false. */
  readonly memoryPattern?: boolean
  /**
   * Run a binding on the main thread when its last run on the same shapes took less than 25 ms: to hand over to another
   * thread and back takes up to 0.5 ms. Such a run can't be interrupted, so this is for graphs whose time doesn't depend
   * on the values of their inputs. Default false.
   */
  readonly inline?: boolean
  /** Give the arena's unused memory back after every run. Default false. */
  readonly arenaShrinkage?: boolean
  /** Further session entries by ONNX Runtime's own names (onnxruntime_session_options_config_keys.h). */
  readonly config?: Readonly<Record<string, string>>
}

/** Options on one line, in the order of their names. */
export const describeConfig = (options: object): string => {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined)
  return entries.length === 0 ? "default settings" : entries.sort().map(([key, value]) => `${key}=${value}`).join(", ")
}
