// The 25 constraint types of IFEval's registry, with the parameter ranges of the authors' generator (arXiv 2508.02150
// and its code). The phrasings say what the checker checks: "exactly" where it is exact, the relation as it is and not
// its reverse.
import type { Random } from "../Random.ts"
import type { Seed } from "../Seed.ts"
import type { Taxonomy } from "./ConstraintType.ts"
import { hardFormatTypes } from "./HardFormat.ts"
import {
  commonWords,
  contentWords,
  dispensableWords,
  endPhrases,
  frequentLetters,
  languages,
  openingWords,
  rareLetters
} from "./Vocabulary.ts"
import { between, counted, ordinal, quoted } from "./Wording.ts"

/** `count` words of the seed, or of general use where it has too few. */
const keywordsFor = (random: Random, seed: Seed, count: number): Array<string> => {
  const own = contentWords(seed)
  return random.shuffle(own.length >= count ? own : [...new Set([...own, ...commonWords])]).slice(0, count)
}

const atLeast = (random: Random, probability: number): "at least" | "less than" =>
  random.chance(probability) ? "at least" : "less than"

const isAtLeast = (relation: unknown): boolean => relation === "at least"

const times = (count: unknown): string => (Number(count) === 1 ? "once" : `${count} times`)

export const hardTypes: Taxonomy = {
  "keywords:existence": {
    description: "Certain words must occur in the answer.",
    sample: (random, seed) => ({ keywords: keywordsFor(random, seed, random.chance(0.5) ? 1 : 2) }),
    phrasings: ({ keywords }) => {
      const list = quoted(keywords)
      return [
        `Include ${list} in your answer`,
        `Make sure that ${list} can be found in the text`,
        `Use ${list} somewhere in the answer`,
        `Work in ${list}`,
        `Your text has to contain ${list}`,
        `Do not forget to mention ${list}`,
        `Find a place for ${list}`
      ]
    }
  },
  "keywords:frequency": {
    description: "A word must occur at least, or fewer than, a number of times.",
    sample: (random, seed) => ({
      keyword: keywordsFor(random, seed, 1)[0]!,
      frequency: between(random, 2, 4),
      relation: atLeast(random, 0.75)
    }),
    phrasings: ({ frequency: n, keyword, relation }) =>
      isAtLeast(relation)
        ? [
            `Use the word "${keyword}" at least ${times(n)}`,
            `The word "${keyword}" has to occur ${n} times or more`,
            `Write "${keyword}" no fewer than ${times(n)}`,
            `Let "${keyword}" come up at least ${times(n)}`,
            `Mention "${keyword}" a minimum of ${times(n)}`,
            `Repeat "${keyword}" until it has been used ${n} or more times`
          ]
        : [
            `Use the word "${keyword}" fewer than ${times(n)}`,
            `The word "${keyword}" must occur less than ${times(n)}`,
            `Let "${keyword}" come up fewer than ${times(n)}`,
            `Keep the uses of "${keyword}" below ${n}`,
            `Write "${keyword}" less than ${times(n)}`,
            `The number of times that you use "${keyword}" has to stay under ${n}`
          ]
  },
  "keywords:forbidden_words": {
    description: "Certain words must not occur in the answer.",
    sample: (random, seed) => {
      const own = new Set(contentWords(seed))
      return {
        forbidden_words: random
          .shuffle(dispensableWords.filter((word) => !own.has(word)))
          .slice(0, between(random, 1, 3))
      }
    },
    phrasings: ({ forbidden_words }) => {
      const list = quoted(forbidden_words, "or")
      return [
        `Do not use ${list}`,
        `Avoid ${list} altogether`,
        `Leave out ${list}`,
        `Write without ${list}`,
        `Nowhere in the text may one read ${list}`,
        `Keep the answer free of ${list}`
      ]
    }
  },
  "keywords:letter_frequency": {
    description: "A letter must occur at least, or fewer than, a number of times, in either case.",
    sample: (random) => {
      const let_relation = atLeast(random, 0.7)
      return {
        letter: random.pick<string>(isAtLeast(let_relation) ? frequentLetters : rareLetters),
        let_frequency: between(random, 3, 8),
        let_relation
      }
    },
    phrasings: ({ let_frequency: n, let_relation, letter }) =>
      isAtLeast(let_relation)
        ? [
            `The letter "${letter}" has to occur at least ${times(n)}`,
            `Use the letter "${letter}" ${n} times or more`,
            `Let there be no fewer than ${n} of the letter "${letter}"`,
            `Write at least ${n} times the letter "${letter}"`,
            `Have a minimum of ${n} of the letter "${letter}" in the text`,
            `Your answer needs ${n} or more of the letter "${letter}"`
          ]
        : [
            `The letter "${letter}" has to occur fewer than ${times(n)}`,
            `Use the letter "${letter}" less than ${times(n)}`,
            `Keep the number of times that the letter "${letter}" occurs below ${n}`,
            `Write fewer than ${n} of the letter "${letter}"`,
            `There must be less than ${n} of the letter "${letter}" in the text`,
            `Let the count of the letter "${letter}" stay under ${n}`
          ],
    conflicts: ["language:response_language"]
  },
  "language:response_language": {
    description: "The whole answer is in one language other than English.",
    sample: (random) => ({ language: random.pick(Object.keys(languages)) }),
    phrasings: ({ language }) => {
      const name = languages[language as keyof typeof languages] ?? String(language)
      return [
        `Answer in ${name} only`,
        `Write the whole answer in ${name}`,
        `Use no language but ${name}`,
        `Let everything you write be in ${name}`,
        `The language of the entire answer has to be ${name}`,
        `Reply in ${name} from the first word to the last`
      ]
    },
    conflicts: [
      "detectable_content:postscript",
      "startend:end_checker",
      "detectable_format:constrained_response",
      "combination:repeat_prompt"
    ]
  },
  "length_constraints:number_sentences": {
    description: "The answer has at least, or fewer than, a number of sentences.",
    sample: (random) => ({ num_sentences: between(random, 3, 5), relation: atLeast(random, 0.5) }),
    phrasings: ({ num_sentences: n, relation }) =>
      isAtLeast(relation)
        ? [
            `Write at least ${n} sentences`,
            `Use ${n} sentences or more`,
            `The answer should have no fewer than ${n} sentences`,
            `Let the text run to ${n} or more sentences`,
            `Give me a minimum of ${n} sentences`,
            `Do not stop before there are at least ${n} sentences`
          ]
        : [
            `Write fewer than ${n} sentences`,
            `Use less than ${n} sentences`,
            `Stay under ${n} sentences`,
            `Keep the number of sentences below ${n}`,
            `The answer must have fewer than ${n} sentences`,
            `Finish in fewer than ${n} sentences`
          ]
  },
  "length_constraints:number_words": {
    description: "The answer has at least, or fewer than, a number of words.",
    sample: (random) => {
      const relation = atLeast(random, 0.5)
      return { num_words: isAtLeast(relation) ? between(random, 10, 25) : between(random, 30, 100), relation }
    },
    phrasings: ({ num_words: n, relation }) =>
      isAtLeast(relation)
        ? [
            `Write at least ${n} words`,
            `Use ${n} words or more`,
            `The answer should have no fewer than ${n} words`,
            `Let the text run to ${n} or more words`,
            `Give me a minimum of ${n} words`,
            `Do not write an answer shorter than ${n} words`
          ]
        : [
            `Write fewer than ${n} words`,
            `Use less than ${n} words`,
            `Stay under ${n} words`,
            `Keep the number of words below ${n}`,
            `The answer must be shorter than ${n} words`,
            `Say it all in fewer than ${n} words`
          ]
  },
  "length_constraints:number_paragraphs": {
    description: "The answer has exactly a number of paragraphs, separated by ***.",
    sample: (random) => ({ num_paragraphs: between(random, 2, 4) }),
    phrasings: ({ num_paragraphs: n }) => [
      `Write exactly ${n} paragraphs and separate them with ***`,
      `Divide the answer by *** into exactly ${n} paragraphs`,
      `There must be exactly ${n} paragraphs with the divider *** between them`,
      `Give me ${n} paragraphs, neither more nor fewer, with *** between each two`,
      `Use the markdown divider *** to set apart exactly ${n} paragraphs`,
      `The text consists of exactly ${n} paragraphs, and *** stands between one and the next`
    ]
  },
  "length_constraints:nth_paragraph_first_word": {
    description:
      "The answer has exactly a number of paragraphs, separated by blank lines, and one of them begins with a given word.",
    sample: (random) => {
      const num_paragraphs = between(random, 2, 4)
      return {
        num_paragraphs,
        nth_paragraph: between(random, 1, num_paragraphs),
        first_word: random.pick(openingWords)
      }
    },
    phrasings: ({ first_word, nth_paragraph: k, num_paragraphs: n }) => [
      `Write exactly ${n} paragraphs with a blank line between them, and begin paragraph ${k} with the word "${first_word}"`,
      `Separate exactly ${n} paragraphs by blank lines; paragraph ${k} has to start with "${first_word}"`,
      `There should be exactly ${n} paragraphs, parted by two line breaks, of which paragraph ${k} opens with "${first_word}"`,
      `Use exactly ${n} paragraphs, with an empty line after each but the last. The first word of paragraph ${k} is "${first_word}"`,
      `Give the text exactly ${n} paragraphs (blank lines in between) and let "${first_word}" be the first word of paragraph ${k}`,
      `Start the ${ordinal(k)} of exactly ${n} paragraphs with "${first_word}"; put an empty line between paragraphs`
    ]
  },
  "startend:end_checker": {
    description: "The answer ends with a given phrase.",
    sample: (random) => ({ end_phrase: random.pick(endPhrases) }),
    phrasings: ({ end_phrase: phrase }) => [
      `End with the exact phrase "${phrase}"`,
      `Finish your answer with "${phrase}" and nothing after it`,
      `The last words must be "${phrase}"`,
      `Close with this sentence: "${phrase}"`,
      `Put "${phrase}" at the very end, with no other words behind it`,
      `Let the answer stop right after "${phrase}"`
    ]
  },
  "startend:quotation": {
    description: "The whole answer stands in double quotation marks.",
    sample: () => ({}),
    phrasings: () => [
      "Put the whole answer in double quotation marks",
      "Wrap everything you write in double quotation marks",
      "Begin and end the answer with a double quotation mark",
      "Enclose the entire text in double quotation marks",
      "Let a double quotation mark open and another one close the answer",
      "Set your complete answer between double quotation marks"
    ]
  },
  "change_case:capital_word_frequency": {
    description: "Words in all capital letters occur at least, or fewer than, a number of times.",
    sample: (random) => ({ capital_frequency: between(random, 2, 5), capital_relation: atLeast(random, 0.6) }),
    phrasings: ({ capital_frequency: n, capital_relation }) =>
      isAtLeast(capital_relation)
        ? [
            `Write at least ${counted(n, "word")} in all capital letters`,
            `Have ${n} or more words entirely in capitals`,
            `Use a minimum of ${counted(n, "word")} in full capitals`,
            `No fewer than ${counted(n, "word")} should be in capital letters throughout`,
            `Stress at least ${counted(n, "word")} by writing them in capital letters only`,
            `Set ${counted(n, "word")} or more in capitals from the first letter to the last`
          ]
        : [
            `Write fewer than ${counted(n, "word")} in all capital letters`,
            `Have less than ${counted(n, "word")} entirely in capitals`,
            `Keep the number of words in full capitals below ${n}`,
            `Stay under ${counted(n, "word")} that are in capital letters throughout`,
            `Use capitals for the whole of a word fewer than ${times(n)}`,
            `There must be fewer than ${counted(n, "word")} in capitals from the first letter to the last`
          ],
    conflicts: ["detectable_content:postscript", "detectable_format:multiple_sections"]
  },
  "change_case:english_capital": {
    description: "The whole answer is in English and in capital letters.",
    sample: () => ({}),
    phrasings: () => [
      "Write in English and use capital letters only",
      "The whole answer has to be in English, in capital letters throughout",
      "Answer in English with every letter a capital",
      "Use no lowercase letters at all, and write in English",
      "Let your English text be entirely in capitals",
      "Set everything in capital letters, in English"
    ]
  },
  "change_case:english_lowercase": {
    description: "The whole answer is in English and in lowercase letters.",
    sample: () => ({}),
    phrasings: () => [
      "Write in English and use lowercase letters only",
      "The whole answer has to be in English, in lowercase throughout",
      "Answer in English without a single capital letter",
      "Use no capital letters at all, and write in English",
      "Let your English text be entirely in lowercase",
      "Set everything in lowercase letters, in English"
    ]
  },
  "punctuation:no_comma": {
    description: "The answer has no comma.",
    sample: () => ({}),
    phrasings: () => [
      "Use no commas",
      "Write without any commas",
      "Leave out every comma",
      "Commas are not allowed in the answer",
      "Do not put a single comma into the text",
      "Manage without commas throughout"
    ]
  },
  ...hardFormatTypes
}
