// Soft types of number, form and format. They ask for the shape of the whole answer, so they go with few that do so
// too.
import { softType, type Taxonomy } from "./ConstraintType.ts"

/** Hard types that shape the whole answer. */
const shapes = [
  "combination:",
  "detectable_format:json_format",
  "detectable_format:constrained_response",
  "detectable_format:multiple_sections",
  "detectable_format:number_bullet_lists",
  "length_constraints:number_paragraphs",
  "length_constraints:nth_paragraph_first_word"
]
/** Soft types that do. */
const softShapes = [
  "soft:form", "soft:fundamental_format", "soft:bespoke_format", "soft:specialised_format", "soft:example",
  "soft:document_count"
]
const counts = ["soft:word_count", "soft:sentence_count", "soft:paragraph_count", "soft:document_count"]
const hardCounts = ["length_constraints:"]

export const softFormTypes: Taxonomy = {
  "soft:word_count": softType({
    description: "The answer has about a number of words.",
    values: [
      "about 60 words", "about 80 words", "about 100 words", "about 120 words", "about 150 words", "about 200 words"
    ],
    templates: [
      "Keep the answer to {}",
      "Aim for {}",
      "Let the answer come to {}",
      "Make it {} long",
      "The whole text should take {}",
      "Spend {} on it"
    ],
    conflicts: [
      ...hardCounts, ...counts, "detectable_format:json_format", "detectable_format:constrained_response",
      "combination:", "soft:contradictory"
    ]
  }),
  "soft:sentence_count": softType({
    description: "The answer has a number of sentences.",
    values: [
      "three sentences", "four sentences", "five sentences", "six sentences", "seven sentences", "eight sentences"
    ],
    templates: [
      "Answer in {}",
      "Let the answer consist of {}",
      "Write {} in all",
      "Use {} for the whole answer",
      "Say it in {}",
      "Give the text {}"
    ],
    conflicts: [
      ...hardCounts, ...counts, ...shapes, ...softShapes, "startend:end_checker", "detectable_content:postscript"
    ]
  }),
  "soft:paragraph_count": softType({
    description: "The answer has a number of paragraphs.",
    values: [
      "two paragraphs", "three paragraphs", "four paragraphs", "two short paragraphs", "three short paragraphs",
      "four short paragraphs"
    ],
    templates: [
      "Divide the answer into {}",
      "Write {}",
      "Let the answer have {}",
      "Spread the text over {}",
      "Use {} in all",
      "Arrange what you say in {}"
    ],
    conflicts: [...hardCounts, ...counts, ...shapes, ...softShapes]
  }),
  "soft:document_count": softType({
    description: "The answer comes in a number of versions.",
    values: ["two versions", "three versions", "two drafts", "three drafts", "two variants", "three variants"],
    templates: [
      "Give {} of the answer",
      "Write {} so that one can choose",
      "Offer {}",
      "Prepare {} that differ in wording",
      "Present {} one after the other",
      "Let me have {} of it"
    ],
    conflicts: [
      ...hardCounts, ...counts, ...shapes, ...softShapes, "startend:", "detectable_format:title",
      "detectable_content:postscript"
    ]
  }),
  "soft:form": softType({
    description: "The answer has the form of a certain kind of text.",
    values: [
      "a letter", "a dialogue", "a diary entry", "a news report", "a speech", "a fable", "an interview",
      "a bedtime story"
    ],
    templates: [
      "Write the answer as {}",
      "Give it the form of {}",
      "Cast your answer as {}",
      "Shape the whole text like {}",
      "Let the answer read as {}",
      "Turn it into {}"
    ],
    conflicts: [...shapes, ...softShapes, ...counts, "soft:authorial_style"]
  }),
  "soft:fundamental_format": softType({
    description: "The answer uses a basic format.",
    values: [
      "a numbered list", "a table in Markdown", "short headings with text below each", "plain prose without any list",
      "one line for each point"
    ],
    templates: [
      "Format the answer as {}",
      "Present the answer as {}",
      "Use {}",
      "Lay the answer out as {}",
      "Let the layout be {}",
      "The format should be {}"
    ],
    conflicts: [...shapes, ...softShapes, ...counts, "length_constraints:", "startend:"]
  }),
  "soft:bespoke_format": softType({
    description: "The answer follows a format made for the occasion.",
    values: [
      "put the main point in the first line", "label each part with a letter in parentheses",
      "give every paragraph a heading of one word", "set off each example in parentheses",
      "name the topic before each statement, followed by a colon", "number the steps in Roman numerals"
    ],
    templates: [
      "As to the format, {}",
      "For the layout, {}",
      "When you lay out the answer, {}",
      "Arrange it like this: {}",
      "In writing it down, {}",
      "One wish about the format: {}"
    ],
    conflicts: [...shapes, ...softShapes, ...counts, "length_constraints:", "change_case:", "startend:"]
  }),
  "soft:specialised_format": softType({
    description: "The answer follows the format of a profession.",
    values: [
      "meeting minutes", "a press release", "a laboratory report", "an encyclopedia entry", "a product description",
      "a scene of a screenplay", "a frequently asked question with its reply", "a police report"
    ],
    templates: [
      "Use the format of {}",
      "Format it the way one formats {}",
      "Follow the conventions of {}",
      "Set the answer out like {}",
      "The outward form should be that of {}",
      "Make it look like {}"
    ],
    conflicts: [
      ...shapes, ...softShapes, ...counts, "length_constraints:number_sentences", "soft:authorial_style", "startend:"
    ]
  }),
  "soft:example": softType({
    description: "The answer follows the pattern of an example.",
    values: [
      "\"Claim: ... Reason: ...\"", "\"Before: ... After: ...\"", "\"Question: ... Answer: ...\"",
      "\"Idea: ... Use: ...\"", "\"Problem: ... Way out: ...\"", "\"Fact: ... Why it matters: ...\""
    ],
    templates: [
      "Follow the pattern of this example: {}",
      "Write along the lines of {}",
      "Take {} as the pattern of the answer",
      "Let the answer be built like {}",
      "Here is the scheme to follow: {}",
      "Model what you write on {}"
    ],
    conflicts: [
      ...shapes, ...softShapes, ...counts, "length_constraints:number_sentences", "language:response_language", "change_case:", "startend:"
    ]
  })
}
