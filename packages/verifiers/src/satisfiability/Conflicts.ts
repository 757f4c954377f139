// Which instructions must not be asked for together, whatever their arguments: the table of IFEval's authors
// (INSTRUCTION_CONFLICTS of their registry), and for IFBench, which has none, the instructions that fix the whole response.
import { ifbench } from "../ifbench/index.ts"
import { ifeval } from "../ifeval/index.ts"

const classic = Object.keys(ifeval)
const all = [...classic, ...Object.keys(ifbench)]
const allBut = (...ids: ReadonlyArray<string>): ReadonlyArray<string> => classic.filter((id) => !ids.includes(id))

// One direction of each pair. Every instruction conflicts with itself besides.
const published: { readonly [id: string]: ReadonlyArray<string> } = {
  "language:response_language": [
    "detectable_format:multiple_sections",
    "keywords:existence",
    "keywords:frequency",
    "keywords:forbidden_words",
    "startend:end_checker",
    "change_case:english_capital",
    "change_case:english_lowercase"
  ],
  "length_constraints:number_paragraphs": [
    "length_constraints:nth_paragraph_first_word",
    "length_constraints:number_sentences"
  ],
  "detectable_format:constrained_response": classic,
  "detectable_format:multiple_sections": ["detectable_format:number_highlighted_sections"],
  "detectable_format:json_format": allBut("keywords:forbidden_words", "keywords:existence"),
  "combination:two_responses": allBut(
    "keywords:forbidden_words",
    "keywords:existence",
    "language:response_language",
    "detectable_format:title",
    "punctuation:no_comma"
  ),
  "combination:repeat_prompt": allBut("keywords:existence", "detectable_format:title", "punctuation:no_comma"),
  "change_case:capital_word_frequency": ["change_case:english_lowercase", "change_case:english_capital"],
  "change_case:english_lowercase": ["change_case:english_capital"],
  "startend:quotation": ["detectable_format:title"]
}

// Each of IFBench's custom:* and repeat:* asks for one particular response.
const whole = Object.keys(ifbench).filter((id) => id.startsWith("custom:") || id.startsWith("repeat:"))

const table = new Map<string, Set<string>>(all.map((id) => [id, new Set([id])]))
const keepApart = (a: string, b: string): void => {
  table.get(a)!.add(b)
  table.get(b)!.add(a)
}
for (const [id, others] of Object.entries(published)) for (const other of others) keepApart(id, other)
for (const id of whole) for (const other of all) keepApart(id, other)

const nothing: ReadonlySet<string> = new Set()

/**
 * The ids that should not stand together with `id` in one prompt, itself included. Some pairs could be followed at once, but a
 * prompt that asks for both makes little sense; what is impossible under given arguments `contradictions` tells. Ids other
 * than IFEval's and IFBench's have none.
 */
export const conflictsOf = (id: string): ReadonlySet<string> => table.get(id) ?? nothing

/** Whether two ids should not stand together in one prompt. */
export const conflict = (a: string, b: string): boolean => conflictsOf(a).has(b)
