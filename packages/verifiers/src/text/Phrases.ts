// Wording shared by descriptions.

import { strip } from "./Characters.ts"

export const quoted = (text: string): string => `"${strip(text)}"`

/** `"a"`, `"a" and "b"`, `"a", "b" and "c"`. */
export const list = (items: ReadonlyArray<string>): string => {
  const parts = items.map(quoted)
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`
}

/** "1 sentence", "2 sentences". */
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

export const times = (count: number): string => plural(count, "time")
