import { integer, kwargs, phrase } from "../Kwargs.ts"
import { isSpace, strip } from "../text/Characters.ts"
import { plural } from "../text/Phrases.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

/** Counts `\[.*?\]`: an opening bracket and the next closing one in the same line. */
const placeholders = (text: string): number => {
  let total = 0
  let newline = -1
  let open = text.indexOf("[")
  while (open >= 0) {
    const close = text.indexOf("]", open + 1)
    if (close < 0) return total
    // Looked for once a line: most texts have many brackets between two newlines, or no newline at all.
    if (newline < open) {
      const next = text.indexOf("\n", open + 1)
      newline = next < 0 ? text.length : next
    }
    const broken = newline < close
    // Up to the newline no bracket closes, so none of the brackets before it opens anything.
    if (!broken) total++
    open = text.indexOf("[", broken ? newline + 1 : close + 1)
  }
  return total
}

const skipOne = (text: string, i: number): number => i < text.length && isSpace(text.charCodeAt(i)) ? i + 1 : i

/** Whether the letters of `marker` occur in `text`, with a period and optional whitespace between two of them. */
const hasMarker = (text: string, marker: ReadonlyArray<string>): boolean => {
  for (let at = text.indexOf(marker[0]!); at >= 0; at = text.indexOf(marker[0]!, at + 1)) {
    let i = at
    let matched = 0
    while (matched < marker.length && text.startsWith(marker[matched]!, i)) i = skipOne(text, i + marker[matched++]!.length)
    if (matched === marker.length) return true
  }
  return false
}

const postscripts: { readonly [marker: string]: ReadonlyArray<string> } = {
  "P.S.": ["p.", "s."],
  "P.P.S": ["p.", "p.", "s"]
}

export const content = {
  "detectable_content:number_placeholders": verifier(kwargs({ num_placeholders: integer() }), {
    describe: ({ num_placeholders }) =>
      `Include at least ${plural(num_placeholders, "placeholder")} in square brackets, such as [address].`,
    check: (response, { num_placeholders }) => placeholders(response) >= num_placeholders
  }),
  // Anywhere in the text, also in the middle of a line. A marker other than these two is literal.
  "detectable_content:postscript": verifier(kwargs({ postscript_marker: phrase }), {
    describe: ({ postscript_marker }) => `End with a postscript that starts with ${strip(postscript_marker)}.`,
    check: (response, { postscript_marker }) => {
      const marker = strip(postscript_marker)
      const letters = Object.hasOwn(postscripts, marker) ? postscripts[marker]! : [marker.toLowerCase()]
      return hasMarker(response.toLowerCase(), letters)
    }
  })
} satisfies VerifierTable
