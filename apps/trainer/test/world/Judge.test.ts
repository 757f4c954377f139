import { describe, expect, test } from "@jest/globals"
import { promptRow, random } from "@ifrl/curriculum"
import { buildWorld, careful, demonstrate, isWellFormed, judge } from "../../src/world/index.ts"

const row = promptRow({
  instruction: "Write about foxes.",
  constraints: [
    { id: "detectable_format:title", kwargs: {}, text: "Add a <<title>>" },
    { id: "soft:persona", kwargs: {}, text: "Talk like a pirate", truth: { type: "persona", value: "pirate" } }
  ],
  domain: "writing",
  subject: "foxes"
})
const sum = promptRow({ instruction: "What is 17 plus 25?", constraints: [], domain: "arithmetic", subject: "17 plus 25" })
const sort = promptRow({ instruction: "Sort the numbers 31 7 22.", constraints: [], domain: "sorting", subject: "31 7 22" })
const thought = (answer: string) => `<think>\nTopic foxes.\n</think>\n\n${answer}`

describe("judge", () => {
  test("sees each constraint for itself", () => {
    const judged = (answer: string) => judge(row, thought(answer)).followed
    expect(judged("<<Foxes>>\nAhoy! Foxes are quick.")).toEqual([true, true])
    expect(judged("<<Foxes>>\nFoxes are quick.")).toEqual([true, false])
    expect(judged("Ahoy! Foxes are quick.")).toEqual([false, true])
    expect(judged("Foxes are quick.")).toEqual([false, false])
  })

  test("tells hard from soft", () => {
    expect(judge(row, thought("<<Foxes>>\nFoxes."))).toMatchObject({ hard: true, soft: false })
    expect(judge(row, thought("Ahoy! Foxes."))).toMatchObject({ hard: false, soft: true })
  })

  test("does not count what stands in the thought", () => {
    expect(judge(row, "<think>\n<<Foxes>> Ahoy!\n</think>\n\nFoxes.").followed).toEqual([false, false])
    expect(judge(row, "<<Foxes>> Ahoy! Foxes.")).toMatchObject({ followed: [false, false], format: false, relevance: 0 })
  })

  test.each([
    ["foxes and two facts", "Foxes are quick, clever animals.", 1],
    ["two facts alone", "They are quick and clever.", 0.5],
    ["foxes and one fact", "Foxes hunt at night.", 0.75],
    ["foxes alone", "Foxes, foxes, foxes.", 0.5],
    ["another topic", "Trains run on rails.", 0],
    ["a fact inside a word", "Foxes are quickest.", 0.5],
    ["facts in bullets and stars", "* Foxes are *quick*\n* They eat MICE", 1],
    ["nothing", "", 0]
  ])("relevance of an answer with %s", (_, answer, relevance) => {
    expect(judge(row, thought(answer)).relevance).toBe(relevance)
  })

  test.each([
    [sum, "So, the answer is 42.", 1],
    [sum, "<<Sum>>\n\"*42*\"", 1],
    [sum, "The answer is 43.", 0],
    [sum, "The answer is 42 or 43.", 0],
    [sum, "The answer is 4 2.", 0],
    [sort, "The order is 7, 22, 31.", 1],
    [sort, "7 22 31", 1],
    [sort, "The order is 7, 31, 22.", 0],
    [sort, "The order is 7, 22.", 0]
  ])("%#: numbers are right or wrong", (problem, answer, relevance) => {
    expect(judge(problem, thought(answer)).relevance).toBe(relevance)
  })

  test("a row of another world is refused by name", () => {
    expect(() => judge({ ...row, domain: "poetry" }, thought("x"))).toThrow(/poetry.*buildWorld/)
    expect(() => judge({ ...row, subject: "unicorns" }, thought("x"))).toThrow(/unicorns/)
  })
})

describe("format", () => {
  test.each([
    ["<think>\nplan\n</think>\n\nanswer", true],
    ["<think>\nplan\nin lines\n</think>\n\nanswer\n\nmore", true],
    ["<think>\nplan\n</think>\nanswer", false],
    ["<think>plan</think>\n\nanswer", false],
    ["<think>\n \n</think>\n\nanswer", false],
    ["<think>\n</think>\n\nanswer", false],
    ["<think>\nplan\n</think>\n\n", false],
    ["<think>\nplan\n</think>\n\n \n", false],
    ["<think>\nplan", false],
    ["answer", false],
    [" <think>\nplan\n</think>\n\nanswer", false],
    ["<think>\nplan\n</think>\n\nanswer <think>", false],
    ["<think>\nplan\n</think>\n\n<think>\nplan\n</think>\n\nanswer", false]
  ])("%j", (response, wellFormed) => {
    expect(isWellFormed(response)).toBe(wellFormed)
  })
})

test("500 careful demonstrations follow every constraint, in form and on topic", () => {
  const rows = buildWorld({ seed: 5, train: 200, validation: 150, heldOut: 150 })
  for (const row of [...rows.train, ...rows.validation, ...rows.heldOut]) {
    const { followed, messages } = demonstrate(row, random(5, row.id), careful)
    expect(followed).toEqual(row.instruction_id_list.map(() => true))
    expect(judge(row, messages[1].content)).toEqual({ followed, hard: true, soft: true, format: true, relevance: 1 })
  }
})
