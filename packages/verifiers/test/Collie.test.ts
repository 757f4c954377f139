import { expect, test } from "@jest/globals"
import { prepare, VerifierError } from "../src/index.ts"
import { describeWithData, readLines } from "./support/Data.ts"

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

describeWithData("COLLIE", () => {
  const instances = new Map(readLines<Instance>("collie/collie_v1.jsonl").map((instance) => [instance.id, instance]))

  test("verdicts of the reference", () => {
    const references = readLines<Reference>("collie/reference_verdicts.jsonl")
    expect(references).toHaveLength(2600)
    const bad = references.filter((reference) => {
      const instance = instances.get(reference.id)!
      return satisfied(instance, reference.text ?? instance.example) !== reference.satisfied
    })
    expect(bad).toEqual([])
  })
  test("every stored example satisfies its constraint", () => {
    expect(instances.size).toBe(2080)
    expect([...instances.values()].filter((instance) => satisfied(instance, instance.example) !== true)).toEqual([])
  })
})
