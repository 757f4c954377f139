// Texts and arguments that take a careless check quadratic time or worse: one piece over and over, all of what a check looks for
// without its end, keywords that nearly occur everywhere.

/** Pieces that a hostile text repeats. */
export const pieces: ReadonlyArray<string> = [
  // Letters without an end, and what ends words and sentences.
  "a", "A", "b", "e", "0", " ", "\0", ".", "!", "?", ",", "-", "_", "*", "\"", "'", "`", "(", "[", "]", "{", "<", ">", "|", "#", "/", "\\", "@", "$", "~",
  "ab ", "AB ", "a.", "a. ", "A. ", "! ", ". ", "?!", "a!b?", "p. p. ", "1. ", "Mr. ", "U.S. ", "Ph.D. ", "ad-hoc. ", "Inc. He ", "and but ", "Emma ", "a table ",
  "abcba ", "eagle bald ", "The ", "the, ", "a-", "a/", "--", "-- ", ".. ", ". . ", "...", "x.com ",
  // Clitics, contractions and quotes.
  "x's ", "'s ", "n't ", "don't ", "cannot ", "gimme ", "'tis ", "nna", "''", "``", "\"a\" ", "'a' ", "\"'", "'\"'", "\"\",", "\u201c", "\u201ca.\u201d ", ".\"", "!\" ",
  // Lines of all kinds.
  "\n", "\n\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\t", " \n", "\n \n", "-\n", "a\n", "a\n\n", "\r\n\v\f\x1c\x1d\x85\u2028\u2029", "\n***\n",
  // Markdown, markup and code.
  "* ", "- ", "* a\n", "- a\n", "* a\n  - b\n", "1. a\n", "# a\n", "*a*", "**a** ", "*a ", "** ", "***", "******", "*a**", "```\n", "```json\n", "`a` ", "<<", "<<a>>", "<i>a</i>b", "<b>",
  "&amp; ", "{\"a\":", "{}", "[]", "[a]", "[a ", "[1,", "()", "([{", "((a))", "\\\"", "a:b,", "a,b\n", "Question 1", "SECTION 1 ", "P.S", "p.s", "p. ", "http://a ", "a@b.c ", "@a",
  // Numbers.
  "12 ", "1,000 ", "1.5 ", "-1 ", "$1 ", "3/4/2020 ", "2020-01-01,", "\u0661", "\u0661 ", "\u00b2 ", "\u2460", "\ud835\udfd8 ",
  // Letters beyond ASCII, with marks and joiners, from right to left, and beyond the basic plane.
  "\u00e9", "e\u0301", "\u0301", "\u0301\u0302", "\u0130", "\u0130 ", "\u0131", "\u017f", "\u212a ", "\u00df ", "\u03a3", "\u03a3 ", "\u03a3.", "\u01c5 ", "\u4e2d", "\u4e2d\u6587\u3002", "\u65e5\u672c ", "\u0645",
  "\u0645\u0631\u062d\u0628\u0627. ", "\u05e9\u05dc\u05d5\u05dd ", "\u202e", "\u200b", "\u200d", "\ufeff", "\u3000", "\u00a0", "\ud801\udc00", "\ud801\udc00 ", "\ud83d\ude00", "\ud83d\ude00 ",
  "\ud83d\ude00. ", "\u2764\ufe0f ", "\ud83d\udc69\u200d\ud83d\udc67 ", "\ud83c\udde9", "\ud800", "\udc00", "\udc00\ud800", "\ufdd0", "\ufdd1", "<prd>", "<stop>"
]

export const repeated = (piece: string, length: number): string =>
  piece.repeat(Math.ceil(length / piece.length)).slice(0, length)

const near = `${"a".repeat(500)}b`
const level = [{ level: 5 }]
const target = [{ target: "x" }, { target: near }]
const count = (name: string) => [{ [name]: 3 }, { [name]: 10_000_000 }]

/** Arguments by id; verifiers without an entry take none. */
export const samples: { readonly [id: string]: ReadonlyArray<object> } = {
  "keywords:existence": [{ keywords: ["ab", near] }],
  "keywords:frequency": [{ keyword: "a", frequency: 3, relation: "at least" }, { keyword: near, frequency: 3, relation: "less than" }],
  "keywords:forbidden_words": [{ forbidden_words: ["ab", "a"] }, { forbidden_words: [near] }],
  "keywords:letter_frequency": [{ letter: "a", let_frequency: 1, let_relation: "at least" }],
  "language:response_language": [{ language: "en" }],
  "length_constraints:number_sentences": [3, 10_000_000].map((num_sentences) => ({ num_sentences, relation: "at least" })),
  "length_constraints:number_paragraphs": count("num_paragraphs"),
  "length_constraints:number_words": [3, 10_000_000].map((num_words) => ({ num_words, relation: "less than" })),
  "length_constraints:nth_paragraph_first_word": [
    { num_paragraphs: 1, nth_paragraph: 1, first_word: "a" },
    { num_paragraphs: 1, nth_paragraph: 1, first_word: near }
  ],
  "detectable_content:number_placeholders": count("num_placeholders"),
  "detectable_content:postscript": ["P.S.", "P.P.S", near].map((postscript_marker) => ({ postscript_marker })),
  "detectable_format:number_bullet_lists": count("num_bullets"),
  "detectable_format:number_highlighted_sections": count("num_highlights"),
  "detectable_format:multiple_sections": ["SECTION", "a", near].map((section_spliter) => ({ section_spliter, num_sections: 3 })),
  "combination:repeat_prompt": [{ prompt_to_repeat: near }],
  "startend:end_checker": [{ end_phrase: near }],
  "change_case:capital_word_frequency": [3, 10_000_000].map((capital_frequency) => ({ capital_frequency, capital_relation: "at least" })),
  "multi-turn:constrained_start": [{ starter: "a" }, { starter: near }],
  "keywords:key_sentences": [{ key_sentences: ["a.", near], num_sentences: 1 }],
  "detectable_format:rephrase": [{ original_message: "a *b* c" }],
  "detectable_content:rephrase_paragraph": [{ original_paragraph: "a ab the river", low: 1, high: 3 }],
  "count:word_count_range": [{ min_words: 1, max_words: 5 }],
  "count:unique_word_count": count("N"),
  "count:conjunctions": count("small_n"),
  "count:person_names": count("N"),
  "count:numbers": count("N"),
  "count:words_japanese": [{ N: 1 }, { N: 3 }],
  "count:pronouns": count("N"),
  "count:keywords_multiple": [{ keyword1: "a", keyword2: "ab", keyword3: near, keyword4: "a", keyword5: "." }],
  "ratio:stop_words": [{ percentage: 50 }],
  "ratio:overlap": [{ reference_text: "The quick brown fox jumps over the lazy dog", percentage: 40 }],
  "words:repeats": count("small_n"),
  "words:keywords_specific_position": [{ keyword: "a", n: 1, m: 3 }, { keyword: "a", n: 10_000_000, m: 3 }],
  "words:words_position": [{ keyword: "a" }],
  "sentence:increment": [{ small_n: 0 }],
  "sentence:keyword": [{ word: "a", N: 1 }, { word: near, N: 10_000_000 }],
  "format:options": [{ options: "yes/no" }],
  "format:list": [{ sep: "zz" }, { sep: near }],
  "repeat:repeat_change": [{ prompt_to_repeat: "a b" }],
  "repeat:repeat_span": [{ prompt_to_repeat: near, n_start: 0, n_end: 400 }],
  "followbench:E2E": target,
  "followbench:text_editing": target,
  "followbench:WIKIEVENTS": target,
  "followbench:CONLL2003": [{ target: "['a', 'b']" }],
  "followbench:BBH_logical": target,
  "followbench:BBH_time": target,
  "followbench:gsm_8k": target,
  "followbench:self_made_space": target,
  "followbench:example": [{ target: "a{answer}b{answer}c" }, { target: `${"a{answer}".repeat(20)}b` }],
  "followbench:cnn_dailymail": level,
  "followbench:xsum": level,
  "followbench:samsum": level,
  "followbench:gigaword": level,
  "followbench:arxiv": level,
  "followbench:format_22": level,
  "followbench:format_30": level,
  "collie:constraint": [
    {
      constraint: {
        input_level: "sentence",
        target_level: "word",
        transformation: { op: "foreach", func: { op: "position", position: -1 } },
        relation: "==",
        reduction: "exactly",
        reduction_value: 7
      },
      targets: "x"
    },
    {
      constraint: {
        input_level: null,
        target_level: "word",
        transformation: { op: "count", count_target: "a" },
        relation: ">=",
        reduction: null,
        reduction_value: null
      },
      targets: 3
    }
  ]
}
