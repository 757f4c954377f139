// Wording shared by descriptions.

/** `"a"`, `"a" and "b"`, `"a", "b" and "c"`. */
export const list = (items: ReadonlyArray<string>): string => {
  const quoted = items.map((item) => `"${item}"`)
  return quoted.length < 2 ? quoted.join("") : `${quoted.slice(0, -1).join(", ")} and ${quoted.at(-1)}`
}

/** "1 sentence", "2 sentences". */
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

export const times = (count: number): string => plural(count, "time")
