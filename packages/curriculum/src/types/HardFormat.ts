// IFEval's types of content, format and combination.
import type { Taxonomy } from "./ConstraintType.ts"
import { between, counted } from "./Wording.ts"

/** Longest instruction that an answer is asked to repeat, in characters. */
const repeatable = 300

const yesNoQuestion =
  /(?:^|[.!?]\s+)(?:is|are|was|were|do|does|did|can|could|will|would|should|shall|has|have|had|may|might|must)\b[^.!?]*\?\s*$/i

export const hardFormatTypes: Taxonomy = {
  "detectable_content:number_placeholders": {
    description: "The answer has at least a number of placeholders in square brackets.",
    sample: (random) => ({ num_placeholders: between(random, 1, 3) }),
    phrasings: ({ num_placeholders: n }) => [
      `Use at least ${counted(n, "placeholder")} in square brackets, such as [name]`,
      `Leave ${n} or more placeholders like [address] to be filled in`,
      `The text needs a minimum of ${counted(n, "placeholder")} in square brackets, for example [date]`,
      `Put no fewer than ${counted(n, "placeholder")} of the kind [place] into the answer`,
      `Let there be at least ${counted(n, "gap")} marked by square brackets, as in [number]`,
      `Include ${counted(n, "placeholder")} or more, each in square brackets like [title]`
    ]
  },
  "detectable_content:postscript": {
    description: "The answer has a postscript that begins with a given marker.",
    sample: (random) => ({ postscript_marker: random.pick(["P.S.", "P.P.S"]) }),
    phrasings: ({ postscript_marker: marker }) => [
      `Add a postscript with ${marker} at its start`,
      `After the answer, write a postscript that has ${marker} in front`,
      `At the end, append a note and put ${marker} before it`,
      `Do not forget a postscript; ${marker} has to open it`,
      `Let a line that starts with ${marker} follow the answer`,
      `Include an afterthought with the mark ${marker} before it`
    ]
  },
  "detectable_format:number_bullet_lists": {
    description: "The answer has exactly a number of bullet points, each a line that begins with *.",
    sample: (random) => ({ num_bullets: between(random, 2, 4) }),
    phrasings: ({ num_bullets: n }) => [
      `Use exactly ${n} bullet points, each on a line that begins with *`,
      `Include exactly ${n} bullet points in markdown (lines that start with "* ")`,
      `There must be ${n} bullet points, neither more nor fewer, and each begins with *`,
      `Make a list of exactly ${n} bullets with an asterisk at the start of each line`,
      `Your answer contains exactly ${n} bullet points of the form "* point"`,
      `Sum things up in exactly ${n} bullet points that begin with an asterisk`
    ]
  },
  "detectable_format:constrained_response": {
    description: "The answer contains one of three fixed sentences: My answer is yes, no or maybe.",
    sample: (_, { instruction }) => (yesNoQuestion.test(instruction) ? {} : undefined),
    phrasings: () => [
      "Include one of these sentences: \"My answer is yes.\", \"My answer is no.\", \"My answer is maybe.\"",
      "Give your verdict in exactly one of these forms: \"My answer is yes.\" or \"My answer is no.\" or \"My answer is maybe.\"",
      "Your reply has to contain \"My answer is yes.\", \"My answer is no.\" or \"My answer is maybe.\", word for word",
      "Choose one of three replies and write it as it stands here: \"My answer is yes.\" / \"My answer is no.\" / \"My answer is maybe.\"",
      "Decide with one of the sentences \"My answer is yes.\", \"My answer is no.\" and \"My answer is maybe.\"",
      "Use one of these three sentences unchanged: \"My answer is yes.\" \"My answer is no.\" \"My answer is maybe.\""
    ]
  },
  "detectable_format:number_highlighted_sections": {
    description: "The answer highlights at least a number of passages with asterisks.",
    sample: (random) => ({ num_highlights: between(random, 1, 3) }),
    phrasings: ({ num_highlights: n }) => [
      `Highlight at least ${counted(n, "passage")} with asterisks, like *this one*`,
      `Mark ${n} or more parts of the text in markdown italics, such as *important part*`,
      `Emphasise a minimum of ${counted(n, "phrase")} by asterisks, as in *key phrase*`,
      `No fewer than ${counted(n, "section")} should be highlighted in the form *highlighted*`,
      `Use markdown to set off at least ${counted(n, "section")}, that is, *section*`,
      `Let at least ${counted(n, "phrase")} stand between asterisks, for example *a phrase*`
    ]
  },
  "detectable_format:multiple_sections": {
    description: "The answer has at least a number of sections, each opened by a word and its number.",
    sample: (random) => ({
      section_spliter: random.pick(["Section", "SECTION", "Part", "Chapter"]),
      num_sections: between(random, 3, 5)
    }),
    phrasings: ({ num_sections: n, section_spliter: word }) => [
      `Divide the answer into at least ${n} sections and begin each with ${word} and its number, as in "${word} 1"`,
      `Write ${n} or more sections, headed "${word} 1", "${word} 2" and so on`,
      `There should be no fewer than ${n} sections, each opened by "${word} X", where X is its number`,
      `Use a minimum of ${n} sections; mark where each begins with ${word} and a numeral, for example "${word} 2"`,
      `Structure the text in at least ${n} numbered sections called ${word} 1, ${word} 2, ...`,
      `Let the answer have ${n} sections or more, every one with a heading such as "${word} 1"`
    ]
  },
  "detectable_format:json_format": {
    description: "The whole answer is JSON.",
    sample: () => ({}),
    phrasings: () => [
      "Give the whole answer as JSON",
      "Your answer must be valid JSON and nothing else",
      "Put everything into one JSON object",
      "Format the complete answer as JSON; a Markdown code fence around it is fine",
      "Reply with JSON only",
      "Let the entire output be a JSON value that a parser accepts"
    ]
  },
  "detectable_format:title": {
    description: "The answer has a title in double angular brackets.",
    sample: () => ({}),
    phrasings: () => [
      "Give the answer a title in double angular brackets, such as <<my title>>",
      "Add a title and wrap it in double angular brackets, that is, <<title>>",
      "There must be a title of the form <<title>>",
      "Put a title, between << and >>, on a line of its own",
      "Let the text carry a title written like this: <<some title>>",
      "Name your answer by a title in double angular brackets, for example <<a good day>>"
    ]
  },
  "combination:two_responses": {
    description: "Two different answers, separated by six asterisks.",
    sample: () => ({}),
    phrasings: () => [
      "Give two different answers, separated by six asterisks: ******",
      "Write two answers that differ, with ****** and nothing else between them",
      "Offer exactly two different responses; the separator is ******",
      "I want two distinct answers, divided by a line of six asterisks (******)",
      "Answer twice, in different ways, and put ****** between the two",
      "Provide two responses that are not the same, with six asterisks, ******, in the middle"
    ]
  },
  "combination:repeat_prompt": {
    description: "The answer first repeats the instruction, then answers it.",
    // What a repeated text rules out is known for ASCII alone.
    sample: (_, { instruction }) =>
      instruction.length <= repeatable && /^[\t\n\r\x20-\x7e]+$/.test(instruction)
        ? { prompt_to_repeat: instruction }
        : undefined,
    phrasings: ({ prompt_to_repeat: request }) => [
      `Before you answer, repeat this request word for word, with nothing in front of it: "${request}"`,
      `Your answer has to begin with this exact text: "${request}" The answer itself follows`,
      `First copy the request without any change, that is, "${request}" Only then answer it`,
      `Start by restating, word for word and with no words before it, "${request}" Then give the answer`,
      `Open with an unaltered copy of the request ("${request}") and go on with the answer`,
      `Write out "${request}" as it stands at the very beginning, then answer it`
    ]
  }
}
