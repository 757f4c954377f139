import { expect, test } from "@jest/globals"
import { promptRow } from "@ifrl/curriculum"
import { verifierChecker } from "../src/index.ts"

const row = promptRow({ instruction: "Name a river.", domain: "geography", constraints: [] })
const judge = (id: string, kwargs: Record<string, unknown>, answer: string) =>
  verifierChecker({ id, kwargs }, { id: "s", row, text: answer, answer })

test("followed, not followed, and what cannot be decided", () => {
  expect(judge("punctuation:no_comma", {}, "the Rhine")).toEqual({ _tag: "Satisfied", score: 1 })
  expect(judge("punctuation:no_comma", {}, "well, the Rhine")).toEqual({ _tag: "NotSatisfied" })
  expect(judge("punctuation:no_comma", {}, "  ")).toEqual({ _tag: "NotSatisfied" })
  expect(judge("keywords:existence", {}, "the Rhine")).toMatchObject({ _tag: "Failed" })
  expect(judge("no:such_id", {}, "the Rhine")).toMatchObject({ _tag: "Failed" })
})
