import { expect, test } from "@jest/globals"
import { isLowerText, isUpperText } from "../../src/text/Characters.ts"
import { detectLanguage } from "../../src/text/Language.ts"
import { sentences } from "../../src/text/Punkt.ts"
import { tokens } from "../../src/text/Treebank.ts"
import { countWords } from "../../src/text/Words.ts"
import { describeWithData, readLines } from "../support/Data.ts"

interface Vector {
  readonly text: string
  readonly punkt: ReadonlyArray<string>
  readonly word_tokenize: ReadonlyArray<string>
  readonly num_words: number
  readonly isupper: boolean
  readonly islower: boolean
  readonly langdetect_seed0: unknown
}

describeWithData("low-level vectors of the Python reference", () => {
  const vectors = readLines<Vector>("nltk/lowlevel_vectors.jsonl")
  const mismatches = (actual: (text: string) => unknown, expected: (vector: Vector) => unknown) =>
    vectors.filter((vector) => JSON.stringify(actual(vector.text)) !== JSON.stringify(expected(vector)))
      .map(({ text }) => text.slice(0, 80))

  test("count", () => expect(vectors).toHaveLength(363))
  test("Punkt sentences", () => expect(mismatches(sentences, (v) => v.punkt)).toEqual([]))
  test("Treebank words", () => expect(mismatches(tokens, (v) => v.word_tokenize)).toEqual([]))
  test("runs of word characters", () => expect(mismatches(countWords, (v) => v.num_words)).toEqual([]))
  test("upper case", () => expect(mismatches(isUpperText, (v) => v.isupper)).toEqual([]))
  test("lower case", () => expect(mismatches(isLowerText, (v) => v.islower)).toEqual([]))
  test("language", () => {
    console.log(JSON.stringify(vectors[0]!.langdetect_seed0))
    expect(detectLanguage(vectors[0]!.text)).toBe("en")
  })
})
