import { expect } from "@jest/globals"
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
