// IFEval's language identifier draws n-grams from an unseeded random generator: of texts that are short, or mixed, or mostly
// capitals, the original gives one verdict in one run and the other in the next. Ours is decided by all n-grams. Whether a
// text is of that kind is told by identifying random halves of its words.
import { philox } from "@ifrl/runtime"
import { type Instruction, looseVariants, verify } from "@ifrl/verifiers"

/** Where the verdict of each language instruction rests on identification: elsewhere its case has decided. */
const rests: Readonly<Record<string, (text: string) => boolean>> = {
  "language:response_language": () => true,
  "change_case:english_capital": (text) => text === text.toUpperCase() && text !== text.toLowerCase(),
  "change_case:english_lowercase": (text) => text === text.toLowerCase() && text !== text.toUpperCase()
}

/** Halves that are looked at. Of the three verdicts that are known to vary in the public Llama-3.1-8B responses all are found. */
const halves = 16
/** Longer texts are settled by their many n-grams. */
const longest = 1500

const speaks = (language: unknown, text: string): boolean => {
  const verdict = verify({ id: "language:response_language", kwargs: { language } }, text)
  return verdict._tag === "Decided" && verdict.followed
}

const unsettledText = (text: string, language: unknown): boolean => {
  const words = text.split(/(?<=\s)/)
  const whole = speaks(language, text)
  for (let step = 0; step < halves; step++) {
    const draws = philox({ seed: 0, step, row: 0 }, words.length)
    const half = words.filter((_, i) => draws[i]! < 0.5).join("")
    if (half.trim() !== "" && speaks(language, half) !== whole) return true
  }
  return false
}

/** Whether the original may give this instruction's verdict, strict or loose, either way. */
export const isUnsettled = ({ id, kwargs }: Instruction, response: string): boolean => {
  const applies = rests[id]
  if (applies === undefined) return false
  const language = id === "language:response_language" ? (kwargs as { readonly language: unknown }).language : "en"
  return [...new Set(looseVariants(response))].some((text) =>
    text.trim() !== "" && text.length <= longest && applies(text) && unsettledText(text, language)
  )
}
