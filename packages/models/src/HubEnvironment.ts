/** Where models of the Hugging Face Hub come from and go to, by the environment variables that Python's tools read. */
import { Effect, FileSystem, Path } from "effect"
import { homedir } from "node:os"

export interface HubEnvironment {
  /** Address of the Hub, without a slash at its end. */
  readonly endpoint: string
  /** Folder of the cache, which Python's huggingface_hub shares. */
  readonly cache: string
  /** For private and gated models. */
  readonly token: string | undefined
  /** Take what the cache holds and ask nobody. */
  readonly offline: boolean
}

type Variables = Readonly<Record<string, string | undefined>>

const isOn = (value: string | undefined) => ["1", "ON", "YES", "TRUE"].includes((value ?? "").toUpperCase())

/**
 * HF_ENDPOINT; HF_HUB_CACHE (else HUGGINGFACE_HUB_CACHE, else `hub` in HF_HOME, else in `huggingface` of
 * XDG_CACHE_HOME or ~/.cache); HF_TOKEN (else HUGGING_FACE_HUB_TOKEN, else the file HF_TOKEN_PATH or `token` in
 * HF_HOME); HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE.
 */
export const hubEnvironment = Effect.fnUntraced(function*(variables: Variables = process.env) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  // An empty variable counts as unset.
  const get = (name: string) => variables[name] || undefined
  const home = get("HF_HOME") ?? path.join(get("XDG_CACHE_HOME") ?? path.join(homedir(), ".cache"), "huggingface")
  const tokenFile = get("HF_TOKEN_PATH") ?? path.join(home, "token")
  const token =
    get("HF_TOKEN") ??
    get("HUGGING_FACE_HUB_TOKEN") ??
    (yield* fs.readFileString(tokenFile).pipe(Effect.orElseSucceed(() => "")))
  return {
    endpoint: (get("HF_ENDPOINT") ?? "https://huggingface.co").replace(/\/+$/, ""),
    cache: get("HF_HUB_CACHE") ?? get("HUGGINGFACE_HUB_CACHE") ?? path.join(home, "hub"),
    token: token.trim() || undefined,
    offline: isOn(get("HF_HUB_OFFLINE") ?? get("TRANSFORMERS_OFFLINE"))
  } satisfies HubEnvironment
})
