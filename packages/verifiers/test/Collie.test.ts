import { expect, test } from "@jest/globals"
import { prepare, VerifierError } from "../src/index.ts"
import { readLines, reportParity, testWithData } from "./support/Data.ts"

interface Instance {
  readonly id: string
  readonly targets: unknown
  readonly constraint: unknown
  readonly example: string
}

interface Reference {
  readonly id: string
  /** Absent for the example that is stored with the instance. */
  readonly text?: string
  readonly satisfied: boolean
}

const satisfied = ({ constraint, targets }: Instance, text: string): boolean | VerifierError => {
  const prepared = prepare({ id: "collie:constraint", kwargs: { constraint, targets } })
  return prepared instanceof VerifierError ? prepared : prepared.check(text)
}

const original = "collie/collie_v1.jsonl"
const verdicts = "collie/reference_verdicts.jsonl"
const readInstances = () => new Map(readLines<Instance>(original).map((instance) => [instance.id, instance]))

testWithData([original, verdicts], "COLLIE: verdicts of the reference", () => {
  const instances = readInstances()
  const references = readLines<Reference>(verdicts)
  expect(references).toHaveLength(2600)
  const bad = references.filter((reference) => {
    const instance = instances.get(reference.id)!
    return satisfied(instance, reference.text ?? instance.example) !== reference.satisfied
  })
  expect(bad).toEqual([])
  reportParity("COLLIE", references.length)
})

testWithData([original], "COLLIE: every stored example satisfies its constraint", () => {
  const instances = readInstances()
  expect(instances.size).toBe(2080)
  expect([...instances.values()].filter((instance) => satisfied(instance, instance.example) !== true)).toEqual([])
})

const count = { op: "count", count_target: null }
const first = { op: "position", position: 0 }
const identity = { op: "identity" }
const atom = (
  [input_level, target_level]: readonly [string | null, string | null],
  transformation: object,
  relation: string,
  reduction: string | null = null,
  reduction_value: number | null = null
) => ({ input_level, target_level, transformation, relation, reduction, reduction_value })

test.each([
  // A text is the list of its characters where a reduction counts.
  [atom([null, "word"], first, "==", "at least", 4), "a", "banana.", false],
  [atom([null, "word"], first, "==", "exactly", 3), "a", "banana.", true],
  [atom([null, null], identity, "==", "any"), ["b", "x"], "ba", true],
  [atom([null, null], identity, "==", "any"), ["b", "x", "x"], "ba", false],
  // Lists are ordered by the first items that differ, then by their lengths.
  [atom(["word", null], identity, "<="), ["cat", ""], "cat", true],
  [atom(["word", null], identity, "<"), ["dog"], "cat", false],
  [atom(["word", null], identity, ">"), ["cat", "b"], "cat c", true],
  [atom(["sentence", "word"], identity, "<", "all"), [["b", "a"], ["c", "d"]], "A b. C c.", true],
  // What cannot be ordered, searched or taken apart raises, whatever else holds.
  [atom(["word", null], identity, "<", "exactly", 0), 1, "cat", false],
  [atom([null, "word"], count, "not in"), 1, "cat", false],
  [atom(["paragraph", "word"], { op: "foreach", func: first }, "in", "any"), "a", "a\n\n!", false],
  [atom(["paragraph", "word"], { op: "foreach", func: first }, "in", "any"), "a", "a\n\nb!", true],
  [atom([null, "word"], { op: "foreach", func: { op: "foreach", func: count } }, "==", "at most", 9), 1, "", true],
  [atom([null, null], { op: "foreach", func: { op: "foreach", func: count } }, "!=", "any"), 1, "ab", true],
  [atom(["word", null], { op: "foreach", func: { op: "count", count_target: "a" } }, "in", "at most", 1), ["a"], "cat", false],
  [{ logic: "all", constraints: [atom([null, "word"], count, "not in"), atom([null, "word"], count, "==")] }, [1, 1], "cat", false]
])("COLLIE's language beyond its data: %j, %j", (constraint, targets, text, expected) => {
  expect(satisfied({ id: "", constraint, targets, example: "" }, text)).toBe(expected)
})
