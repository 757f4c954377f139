import { NodeServices } from "@effect/platform-node"
import { Effect, type FileSystem, Layer, type Path, Schema } from "effect"
import { FetchHttpClient, type HttpClient } from "effect/http"
import { mkdtempSync, writeFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { BuildConfig, SoftWriter } from "../src/index.ts"

const folders: Array<string> = []
/** A new folder, which `removeFolders` removes. */
export const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "curriculum-"))
  folders.push(folder)
  return folder
}
export const removeFolders = async (): Promise<void> => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true })
}

/** The path of a new file of JSON lines. */
export const jsonl = (name: string, records: ReadonlyArray<object>): string => {
  const path = join(newFolder(), name)
  writeFileSync(path, records.map((record) => `${JSON.stringify(record)}\n`).join(""))
  return path
}

const services = Layer.mergeAll(NodeServices.layer, FetchHttpClient.layer)

export const run = <A, E>(
  effect: Effect.Effect<A, E, FileSystem.FileSystem | Path.Path | HttpClient.HttpClient | SoftWriter>,
  writer: Layer.Layer<SoftWriter, unknown, FileSystem.FileSystem | Path.Path> = SoftWriter.layerTemplates
): Promise<A> => Effect.runPromise(effect.pipe(Effect.provide(writer), Effect.provide(services)))

export const buildConfig = (rest: object): BuildConfig => Schema.decodeUnknownSync(BuildConfig)(rest)

const things = ["river", "harbor", "market", "garden", "engine", "candle", "bridge", "window", "forest", "letter"]
export const seedRecords = (count: number): ReadonlyArray<object> =>
  Array.from({ length: count }, (_, i) => ({
    id: `t${i}`,
    instruction: `Write about the ${things[i % 10]} number ${i}.`,
    input: i % 3 === 0 ? "Keep to facts" : ""
  }))
