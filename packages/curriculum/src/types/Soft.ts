// The 25 soft constraint types of the paper (arXiv 2508.02150; the list is CFBench's): what no rule checks. Each has
// values and at least six templates; what it does not go with are the types that would ask for something else in the
// same place.
import { softType, type Taxonomy } from "./ConstraintType.ts"
import { softFormTypes } from "./SoftForm.ts"

/** Hard types that leave no room for prose. */
const wholeAnswer = ["detectable_format:json_format"]

export const softTypes: Taxonomy = {
  "soft:lexical_content": softType({
    description: "Words from a given field occur in the answer.",
    values: [
      "cooking", "seafaring", "gardening", "music", "sports", "the weather", "carpentry", "astronomy", "the theatre",
      "farming"
    ],
    templates: [
      "Draw some of your wording from the vocabulary of {}",
      "Work in several terms that belong to {}",
      "Let a few words from the world of {} appear in the answer",
      "Season the text with expressions taken from {}",
      "Borrow some of your vocabulary from {}",
      "Choose words here and there that remind the reader of {}"
    ],
    conflicts: ["language:response_language", ...wholeAnswer]
  }),
  "soft:element": softType({
    description: "The answer contains a certain element of content.",
    values: [
      "a concrete example", "a short anecdote", "a comparison with everyday life", "a definition of the main term",
      "a word of caution", "a practical tip", "a question to the reader", "a common misunderstanding",
      "a reason for each main point", "a look at the other side"
    ],
    templates: [
      "Include {}",
      "Make sure that {} appears somewhere in the answer",
      "Work {} into the answer",
      "The answer should contain {}",
      "Do not leave out {}",
      "Find a place for {}"
    ],
    conflicts: wholeAnswer
  }),
  "soft:semantic": softType({
    description: "The answer conveys a certain theme.",
    values: [
      "the importance of patience", "respect for nature", "the value of working together", "the role of chance",
      "learning from mistakes", "the passage of time", "the joy of curiosity", "a sense of fairness", "care for detail",
      "the courage to begin"
    ],
    templates: [
      "Let the answer touch on {}",
      "Bring out {}",
      "Make {} one of the ideas behind the answer",
      "Give {} some weight in what you say",
      "Let the reader sense {} in the text",
      "Weave {} into the content"
    ],
    conflicts: wholeAnswer
  }),
  "soft:tone": softType({
    description: "The answer has a certain tone or emotion.",
    values: [
      "warm", "solemn", "playful", "ironic", "calm", "urgent", "enthusiastic", "melancholy", "polite", "matter-of-fact",
      "hopeful"
    ],
    templates: [
      "Keep the tone {}",
      "Write in a tone that is {}",
      "The mood of the answer should be {}",
      "Sound {} throughout",
      "Let your voice be {}",
      "Strike a note that is {} and hold it"
    ]
  }),
  "soft:audience": softType({
    description: "The answer is written for a certain audience.",
    values: [
      "ten-year-old children", "complete beginners", "experts in the field", "busy managers", "university students",
      "new parents", "tourists on a short visit", "retired engineers", "people who learn English", "sceptical readers"
    ],
    templates: [
      "Write for {}",
      "The readers will be {}",
      "Make it suitable for {}",
      "Address {}",
      "Have {} in mind when you choose your words",
      "Adapt the explanation to {}"
    ]
  }),
  "soft:authorial_style": softType({
    description: "The answer is in the style of a certain author.",
    values: [
      "Mark Twain", "Jane Austen", "Ernest Hemingway", "Charles Dickens", "Franz Kafka", "Oscar Wilde",
      "Virginia Woolf", "Jules Verne", "Agatha Christie", "Lewis Carroll"
    ],
    templates: [
      "Write in the style of {}",
      "Let it sound as if {} had written it",
      "Imitate the manner of {}",
      "Take {} as your model for the style",
      "The prose should remind one of {}",
      "Borrow the voice of {}"
    ],
    conflicts: ["language:response_language", "soft:tone", "soft:syntactic", ...wholeAnswer]
  }),
  "soft:pragmatic": softType({
    description: "The answer serves a certain communicative purpose.",
    values: [
      "persuade the reader to act", "reassure a worried reader", "make the reader laugh", "spark a discussion",
      "warn against a mistake", "encourage someone who has failed", "settle a disagreement",
      "win the trust of a stranger"
    ],
    templates: [
      "Write so as to {}",
      "The text should {}",
      "Let the purpose of the answer be to {}",
      "Choose your words to {}",
      "Besides answering, try to {}",
      "The answer has to {}"
    ],
    conflicts: wholeAnswer
  }),
  "soft:syntactic": softType({
    description: "The sentences have a certain structure.",
    values: [
      "short main clauses", "sentences in the active voice", "parallel constructions", "imperative sentences",
      "conditional sentences", "sentences with subordinate clauses", "sentences that begin with an adverb",
      "questions that you answer yourself"
    ],
    templates: [
      "Prefer {}",
      "Rely mainly on {}",
      "Build the text from {}",
      "Express yourself mostly in {}",
      "Let {} predominate",
      "Use {} wherever you can"
    ],
    conflicts: wholeAnswer
  }),
  "soft:morphological": softType({
    description: "Words have a certain grammatical form.",
    values: [
      "verbs in the past tense", "verbs in the present tense", "verbs in the future tense", "the first person plural",
      "the second person", "comparatives and superlatives", "compound words", "verbal nouns"
    ],
    templates: [
      "Use {} as far as possible",
      "Make {} the rule in your answer",
      "Phrase things with {} where you can",
      "Stick mainly to {}",
      "Work mostly with {}",
      "Give preference to {}"
    ],
    conflicts: wholeAnswer
  }),
  "soft:phonological": softType({
    description: "The text has a certain sound.",
    values: [
      "alliteration", "rhyme", "assonance", "a steady rhythm", "words that imitate sounds", "repeated opening sounds"
    ],
    templates: [
      "Use {} in the answer",
      "Let the reader hear {}",
      "Give the text {}",
      "Work with {}",
      "Make the sentences pleasant to read aloud through {}",
      "Let {} shape the sound of the text"
    ],
    conflicts: wholeAnswer
  }),
  "soft:role": softType({
    description: "The answer is given by someone in a certain role.",
    values: [
      "a patient teacher", "a ship's captain", "a museum guide", "a detective", "a grandmother who tells stories",
      "a sports commentator", "a medieval knight", "a careful scientist", "a travelling merchant", "a radio host"
    ],
    templates: [
      "Answer in the role of {}",
      "Imagine that you are {} and reply as such",
      "Speak as {}",
      "Play the part of {}",
      "Put yourself in the place of {}",
      "Reply the way {} would"
    ],
    conflicts: ["soft:authorial_style", ...wholeAnswer]
  }),
  "soft:task": softType({
    description: "The answer does something more that belongs to the task.",
    values: [
      "say which assumptions you make", "name one question that stays open", "suggest a next step",
      "tell how sure you are", "mention one alternative", "point out the hardest part",
      "say what the answer depends on", "explain your choice in passing"
    ],
    templates: [
      "Besides giving the answer, {}",
      "As part of the task, {}",
      "Do one more thing: {}",
      "While you answer, {}",
      "In addition, {}",
      "When you answer, also {}"
    ],
    conflicts: wholeAnswer
  }),
  "soft:context": softType({
    description: "The answer takes a certain situation into account.",
    values: [
      "the reader has only one minute", "the text will be read aloud on the radio",
      "the answer has to fit the first page of a newspaper", "the reader has heard all of this before",
      "the reader reads it on a crowded train", "two people with opposite views will read it",
      "the reader is about to take an exam", "the reader has never used a computer"
    ],
    templates: [
      "Bear in mind that {}",
      "Take into account that {}",
      "Assume that {}",
      "Adapt the answer to the fact that {}",
      "Suppose that {}, and write accordingly",
      "Write for a situation in which {}"
    ],
    conflicts: ["soft:audience", ...wholeAnswer]
  }),
  "soft:inverse": softType({
    description: "Something does not occur in the answer.",
    values: [
      "technical jargon", "cliches", "exclamations", "rhetorical questions", "personal opinions", "brand names",
      "idioms", "exaggeration"
    ],
    templates: [
      "Avoid {}",
      "Leave out {}",
      "Keep the text free of {}",
      "Do without {}",
      "Stay clear of {}",
      "There should be no {} in the answer"
    ],
    conflicts: ["soft:contradictory", "soft:syntactic", "soft:pragmatic", "soft:tone", "soft:element"]
  }),
  "soft:contradictory": softType({
    description: "The answer reconciles two qualities that pull in opposite directions.",
    values: [
      "simple and yet precise", "funny and yet respectful", "confident and yet modest", "formal and yet friendly",
      "critical and yet kind", "brief and yet complete", "vivid and yet factual", "firm and yet open to objections"
    ],
    templates: [
      "Be {}",
      "Make the answer {}",
      "Let the text be {}",
      "Find a way to be {}",
      "Manage to sound {}",
      "Strike a balance and be {}"
    ],
    conflicts: ["soft:tone", "soft:authorial_style", ...wholeAnswer]
  }),
  "soft:rule": softType({
    description: "The text obeys a rule throughout.",
    values: [
      "every claim comes with a reason", "each sentence names a thing that can be touched",
      "no two sentences in a row begin with the same word", "every question is followed by its answer",
      "each new idea is linked to the one before", "every comparison is with an animal",
      "the most important point comes first", "each sentence could stand alone"
    ],
    templates: [
      "Follow this rule: {}",
      "Write so that {}",
      "Make sure that {}",
      "Obey one rule throughout: {}",
      "See to it that {}",
      "Keep to this in the whole text: {}"
    ],
    conflicts: wholeAnswer
  }),
  ...softFormTypes
}
