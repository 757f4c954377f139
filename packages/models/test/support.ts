import { NodeServices } from "@effect/platform-node"
import { Effect, type FileSystem, type Path } from "effect"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { ModelError } from "../src/index.ts"

export const fixtures = fileURLToPath(new URL("./fixtures", import.meta.url))
export const fixture = (...names: ReadonlyArray<string>) => join(fixtures, ...names)

export const run = <A, E>(effect: Effect.Effect<A, E, FileSystem.FileSystem | Path.Path>): Promise<A> =>
  Effect.runPromise(effect.pipe(Effect.provide(NodeServices.layer)))

/** The ModelError that an effect fails with. */
export const failure = <A>(
  effect: Effect.Effect<A, ModelError, FileSystem.FileSystem | Path.Path>
): Promise<ModelError> => run(Effect.flip(effect))

/** Runs with a folder that is removed afterwards. */
export const withFolder = async <A>(use: (folder: string) => Promise<A>): Promise<A> => {
  const folder = await mkdtemp(join(tmpdir(), "ifrl-models-"))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
