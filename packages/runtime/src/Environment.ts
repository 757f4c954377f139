/**
 * What sessions share: ONNX Runtime's environment, which is one per process and never released, with its pool of threads;
 * and an arena for CPU memory registered with it, which lives while a layer uses it.
 */
import { type ArenaOptions, describeConfig } from "./Options.ts"
import { type OrtApi, type Pointer, StatusError } from "./OrtApi.ts"
import { RuntimeError } from "./RuntimeError.ts"

/** ORT_LOGGING_LEVEL_FATAL: whatever ONNX Runtime would log as an error comes back as a status as well. */
export const quiet = 4

const arenaAllocator = 1
const defaultMemory = 0

/** Threads that work on operators: those of a run's own thread and `threads - 1` more. */
export interface Pool {
  readonly threads: number
  /** Idle threads look out for work for some milliseconds before they sleep. */
  readonly spinning: boolean
}

/** ONNX Runtime takes seconds to make this many; of 100,000 it fills the memory of a machine, and can't be stopped. */
const mostThreads = 1024

/** Throws a RuntimeError unless ONNX Runtime can make so many threads, if a number is given. */
export const checkThreads = (session: string, operation: string, threads: number | undefined): void => {
  if (threads === undefined || Number.isInteger(threads) && threads >= 1 && threads <= mostThreads) return
  throw RuntimeError.of({ session, operation, reason: `threads is ${threads}`, remedy: `Use an integer from 1 to ${mostThreads}` })
}

export interface Environment {
  readonly api: OrtApi
  readonly env: Pointer
  /** The threads that sessions share unless they ask for others. */
  readonly pool: Pool
  /**
   * Whether the process has that pool. It has none if other code made ONNX Runtime's environment before us, which only
   * the first session can find out.
   */
  pooled: "untried" | "yes" | "no"
  /** OrtMemoryInfo of CPU memory. */
  readonly cpu: Pointer
  /** The default allocator, never released. */
  readonly allocator: Pointer
}

const environments = new Map<OrtApi, Environment>()

const makeEnv = (api: OrtApi, { spinning, threads }: Pool): Pointer => {
  const options = api.get("CreateThreadingOptions")
  try {
    api.call("SetGlobalIntraOpNumThreads", options, threads)
    api.call("SetGlobalInterOpNumThreads", options, 1)
    api.call("SetGlobalSpinControl", options, spinning ? 1 : 0)
    return api.get("CreateEnvWithGlobalThreadPools", quiet, "ifrl", options)
  } finally {
    api.functions.ReleaseThreadingOptions(options)
  }
}

/** The environment of a library, made with the pool of the first call. Throws StatusError. */
export const environmentOf = (api: OrtApi, pool: Pool): Environment => {
  const known = environments.get(api)
  if (known !== undefined) return known
  const environment: Environment = {
    api,
    env: makeEnv(api, pool),
    pool,
    pooled: "untried",
    cpu: api.get("CreateCpuMemoryInfo", arenaAllocator, defaultMemory),
    allocator: api.get("GetAllocatorWithDefaultOptions")
  }
  environments.set(api, environment)
  return environment
}

interface SharedArena {
  users: number
  readonly config: string
}

const arenas = new Map<Pointer, SharedArena>()

/** Names of ONNX Runtime's arena settings, by ours. */
const arenaKeys = {
  limit: "max_mem",
  extend: "arena_extend_strategy",
  initialChunk: "initial_chunk_size_bytes",
  maxDeadBytesPerChunk: "max_dead_bytes_per_chunk",
  initialGrowth: "initial_growth_chunk_size_bytes"
} as const

const extendStrategies = { powerOfTwo: 0, asRequested: 1 } as const

const registerArena = ({ api, cpu, env }: Environment, options: ArenaOptions) => {
  const entries = Object.entries(arenaKeys).flatMap(([ours, theirs]) => {
    const value = options[ours as keyof ArenaOptions]
    if (value === undefined) return []
    return [[theirs, typeof value === "string" ? extendStrategies[value] : value] as const]
  })
  const keys = entries.map(([key]) => key)
  const values = entries.map(([, value]) => value)
  const config = api.get("CreateArenaCfgV2", keys, api.array(values), entries.length)
  try {
    api.call("CreateAndRegisterAllocatorV2", env, "CPUExecutionProvider", cpu, config, 0n, 0n, 0)
  } finally {
    api.functions.ReleaseArenaCfg(config)
  }
}

/**
 * Joins the shared arena, making it if this is its first user; without options it is joined whatever its settings. Throws
 * RuntimeError if one with other settings is in use: the arena belongs to the environment, and so to the process.
 */
export const joinArena = (environment: Environment, options: ArenaOptions | undefined): void => {
  const config = describeConfig(options ?? {})
  const arena = arenas.get(environment.env)
  if (arena === undefined || arena.users === 0) {
    registerArena(environment, options ?? {})
    arenas.set(environment.env, { users: 1, config })
  } else if (options === undefined || arena.config === config) {
    arena.users++
  } else {
    throw RuntimeError.of({
      session: "",
      operation: "layer",
      reason: `the process already has a shared arena with ${arena.config}, and ${config} was asked for`,
      remedy: "Give every Runtime layer that is alive the same arena options"
    })
  }
}

/**
 * Leaves the shared arena; sessions made with it hold it until they are released. Users are counted for each thread, the
 * registration is the process's: where several threads have layers, the first to leave ends it for sessions yet to be
 * made, which then have arenas of their own, and the others find nothing to end.
 */
export const leaveArena = ({ api, cpu, env }: Environment): void => {
  const arena = arenas.get(env)
  if (arena === undefined || --arena.users > 0) return
  api.take(api.functions.UnregisterAllocator(env, cpu))
}

/** Runs `f`, turning what ONNX Runtime refuses into a RuntimeError. */
export const refusals = <A>(session: string, operation: string, f: () => A): A => {
  try {
    return f()
  } catch (cause) {
    if (cause instanceof StatusError) throw RuntimeError.ofStatus(session, operation, cause.status)
    throw cause
  }
}
