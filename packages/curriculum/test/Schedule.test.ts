import { describe, expect, test } from "@jest/globals"
import { Effect, Layer, Result } from "effect"
import { isReasoning, makeSchedule, type PromptRow, Prompts, reasoningRow, type Schedule, type ScheduleConfig } from "../src/index.ts"
import { rowsOf } from "./Rows.ts"

const rows = rowsOf([40, 30, 20])
const config = (name: ScheduleConfig["name"], rest: Partial<ScheduleConfig> = {}): ScheduleConfig => ({
  name,
  seed: 1,
  replay: 0.25,
  ...rest
})
const scheduleOf = (config: ScheduleConfig, of = rows) => Result.getOrThrow(makeSchedule(of, config))
const first = (schedule: Schedule, count: number) => schedule.take(schedule.start, count).rows
const names = ["progressive", "shuffled", "replay", "adaptive"] as const

describe.each(names)("the %s schedule", (name) => {
  test("is the same for the same seed and another for another", () => {
    const ids = (seed: number) => first(scheduleOf(config(name, { seed })), 90).map((row) => row.id)
    expect(ids(1)).toEqual(ids(1))
    expect(ids(1)).not.toEqual(ids(2))
  })

  test("can be cut anywhere, saved as JSON, and resumed by another process", () => {
    const whole = first(scheduleOf(config(name)), 400)
    for (const step of [1, 7, 64, 90, 91]) {
      const parts: Array<(typeof rows)[number]> = []
      let saved = JSON.stringify(scheduleOf(config(name)).start)
      while (parts.length < 400) {
        const schedule = scheduleOf(config(name))
        const taken = schedule.take(Result.getOrThrow(schedule.resume(JSON.parse(saved))), step)
        parts.push(...taken.rows)
        saved = JSON.stringify(taken.cursor)
      }
      expect(parts.slice(0, 400)).toEqual(whole)
    }
  })

  test("differs from pass to pass", () => {
    const taken = first(scheduleOf(config(name)), 180).map((row) => row.id)
    expect(taken.slice(0, 90)).not.toEqual(taken.slice(90))
  })

  test("refuses a cursor of other rows, another seed, or none at all", () => {
    const schedule = scheduleOf(config(name))
    const strangers: ReadonlyArray<unknown> = [
      scheduleOf(config(name, { seed: 2 })).start,
      scheduleOf(config(name), rows.slice(1)).start,
      { ...schedule.start, offset: 90 },
      { ...schedule.start, pass: -1 },
      { ...schedule.start, pass: "0" },
      null
    ]
    for (const stranger of strangers) {
      expect(Result.isFailure(schedule.resume(stranger))).toBe(true)
    }
  })
})

test("a pass has every row once, however many of them are reasoning rows", () => {
  for (const [count, questions] of [[22, 15], [49, 1], [100, 29], [101, 7]] as const) {
    const mixed = [
      ...rowsOf([count - questions]),
      ...Array.from({ length: questions }, (_, i) =>
        reasoningRow({ id: "answer:math", question: `What is ${i} plus 1?`, answer: String(i + 1) })
      )
    ]
    const taken = first(scheduleOf(config("shuffled"), mixed), count)
    expect([count, new Set(taken).size, taken.filter(isReasoning).length]).toEqual([count, count, questions])
  }
})

describe("orders", () => {
  const levelsOf = (config: ScheduleConfig, count: number) => first(scheduleOf(config), count).map((row) => row.level)
  const sorted = (xs: ReadonlyArray<number>) => xs.toSorted((a, b) => a - b)

  test("progressive climbs level by level and gives each row once", () => {
    const taken = first(scheduleOf(config("progressive")), 90)
    expect(taken.map((row) => row.level)).toEqual([...Array(40).fill(1), ...Array(30).fill(2), ...Array(20).fill(3)])
    expect(new Set(taken.map((row) => row.id)).size).toBe(90)
  })

  test("a span shorter than the rows still climbs all levels, each in proportion", () => {
    expect(levelsOf(config("progressive", { span: 9 }), 9)).toEqual([1, 1, 1, 1, 2, 2, 2, 3, 3])
    expect(levelsOf(config("progressive", { span: 18 }), 36).slice(18)).toEqual(levelsOf(config("progressive", { span: 18 }), 18))
  })

  test("a span longer than the rows repeats none before all have come", () => {
    const taken = first(scheduleOf(config("progressive", { span: 180 })), 180)
    for (const [from, to] of [[0, 40], [80, 110], [140, 160]] as const) {
      expect(new Set(taken.slice(from, to).map((row) => row.id)).size).toBe(to - from)
    }
    expect(sorted(taken.map((row) => row.level))).toEqual(taken.map((row) => row.level))
  })

  test("shuffled gives each row once a pass, in no order of levels", () => {
    const taken = first(scheduleOf(config("shuffled")), 90)
    expect(new Set(taken.map((row) => row.id)).size).toBe(90)
    const levels = taken.map((row) => row.level)
    expect(levels).not.toEqual(sorted(levels))
  })

  test("replay mixes the given share of lower levels into the climb", () => {
    const many = rowsOf([1000, 1000])
    const taken = first(scheduleOf(config("replay"), many), 2000).map((row) => row.level)
    expect(taken.slice(0, 1000).every((level) => level === 1)).toBe(true)
    const replayed = taken.slice(1000).filter((level) => level === 1).length
    // A binomial of 1000 at 0.25: five standard deviations are 68.
    expect(Math.abs(replayed - 250)).toBeLessThan(68)
    expect(levelsOf(config("replay", { replay: 0 }), 90)).toEqual(levelsOf(config("progressive"), 90))
  })

  test("no rows, no schedule", () => {
    expect(Result.isFailure(makeSchedule([], config("shuffled")))).toBe(true)
  })
})

describe("reasoning rows", () => {
  const questions = Array.from({ length: 10 }, (_, i) => reasoningRow({ id: "answer:math", question: `What is ${i} plus 1?`, answer: String(i + 1) }))
  const mixed = [...rows, ...questions]
  const share = (taken: ReadonlyArray<PromptRow>) => taken.filter(isReasoning).length / taken.length

  test.each(names)("are spread evenly through the %s schedule, by default in proportion", (name) => {
    const taken = first(scheduleOf(config(name), mixed), 100)
    expect(taken.filter(isReasoning).length).toBe(10)
    for (let i = 0; i < 100; i += 20) expect(taken.slice(i, i + 20).filter(isReasoning).length).toBe(2)
    expect(new Set(taken.filter(isReasoning)).size).toBe(10)
  })

  test.each([0, 0.25, 0.5, 1])("make up the share %d that is asked for", (reasoning) => {
    const taken = first(scheduleOf(config("progressive", { reasoning, span: 80 }), mixed), 80)
    expect(share(taken)).toBe(reasoning)
    const levels = taken.filter((row) => !isReasoning(row)).map(({ level }) => level)
    expect(levels).toEqual(levels.toSorted((a, b) => a - b))
    if (reasoning < 1) expect(new Set(levels).size).toBe(3)
  })

  test("without a span, a pass still gives each instruction once", () => {
    const taken = first(scheduleOf(config("shuffled", { reasoning: 0.25 }), mixed), 120)
    expect(new Set(taken.filter((row) => !isReasoning(row))).size).toBe(90)
  })

  test("are refused as a share of a dataset that has none", () => {
    expect(Result.isFailure(makeSchedule(rows, config("shuffled", { reasoning: 0.5 })))).toBe(true)
  })
})

describe("adaptive", () => {
  /** A policy that passes level k with probability `skill[k]`; levels of 40 steps of 10 prompts. */
  const play = (skill: (step: number) => ReadonlyArray<number>, steps = 40) => {
    const schedule = scheduleOf(config("adaptive"))
    let cursor = schedule.start
    return Array.from({ length: steps }, (_, step) => {
      const taken = schedule.take(cursor, 10)
      cursor = schedule.observe(taken.cursor, taken.rows.map((row) => ({ row, passRate: skill(step)[row.level - 1]! })))
      return taken.rows.map(({ level }) => level)
    })
  }
  const meanOf = (xs: ReadonlyArray<number>) => xs.reduce((a, b) => a + b, 0) / xs.length

  test("stays on the first level while that is not passed", () => {
    expect(new Set(play(() => [0.2, 0, 0]).flat())).toEqual(new Set([1]))
  })

  test("climbs as far as the levels are passed", () => {
    expect(Math.max(...play(() => [0.9, 0.3, 0]).flat())).toBe(2)
    expect(Math.max(...play(() => [0.9, 0.9, 0.9]).flat())).toBe(3)
  })

  test("draws most from the level whose pass rate is nearest to one half", () => {
    const late = play(() => [1, 0.95, 0.5]).slice(20).flat()
    const counts = [1, 2, 3].map((level) => late.filter((other) => other === level).length)
    expect(counts[2]).toBeGreaterThan(3 * counts[1]!)
    expect(counts[0]).toBeGreaterThan(0)
  })

  test("follows a policy that learns", () => {
    const levels = play((step) => [step, step - 10, step - 20].map((s) => Math.min(1, Math.max(0, 0.3 + s / 10))))
    expect(meanOf(levels.slice(0, 3).flat())).toBe(1)
    expect(meanOf(levels.slice(30).flat())).toBeGreaterThan(2)
  })

  test("gives each row of a level once before any comes again", () => {
    const schedule = scheduleOf(config("adaptive"))
    expect(new Set(schedule.take(schedule.start, 40).rows.map(({ id }) => id)).size).toBe(40)
  })

  test("its knowledge is in the cursor, and others take no notice", () => {
    const schedule = scheduleOf(config("adaptive"))
    const { cursor, rows } = schedule.take(schedule.start, 20)
    const known = schedule.observe(cursor, rows.map((row) => ({ row, passRate: 1 })))
    expect(known.levels).toEqual([{ taken: 20, measured: 20, passRate: 1 }, { taken: 0, measured: 0, passRate: 0 }, { taken: 0, measured: 0, passRate: 0 }])
    expect(Result.getOrThrow(schedule.resume(JSON.parse(JSON.stringify(known))))).toEqual(known)
    const other = scheduleOf(config("progressive"))
    expect(other.observe(other.start, [{ row: rows[0]!, passRate: 1 }])).toBe(other.start)
  })
})

describe("Prompts", () => {
  const run = <A>(effect: Effect.Effect<A, unknown, Prompts>, saved?: unknown) =>
    Effect.runPromise(effect.pipe(Effect.provide(Prompts.layer(rows, config("replay"), saved))))

  test("gives rows and a cursor that goes on after them", async () => {
    const whole = first(scheduleOf(config("replay")), 30)
    const { cursor, head } = await run(Effect.gen(function*() {
      const prompts = yield* Prompts
      const head = [...(yield* prompts.next(5)), ...(yield* prompts.next(7))]
      return { head, cursor: yield* prompts.cursor }
    }))
    const tail = await run(Prompts.use((prompts) => prompts.next(18)), JSON.parse(JSON.stringify(cursor)))
    expect([...head, ...tail]).toEqual(whole)
  })

  test("concurrent callers never get the same row of a pass", async () => {
    const taken = await Effect.runPromise(
      Prompts.use((prompts) => Effect.all(Array.from({ length: 9 }, () => prompts.next(10)), { concurrency: 9 })).pipe(
        Effect.provide(Prompts.layer(rows, config("shuffled")))
      )
    )
    expect(new Set(taken.flat().map((row) => row.id)).size).toBe(90)
  })

  test("fails to start from a foreign cursor", async () => {
    const exit = await Effect.runPromise(
      Effect.flip(Layer.build(Prompts.layer(rows, config("replay"), { fingerprint: "x", pass: 0, offset: 0 }))).pipe(
        Effect.scoped
      )
    )
    expect(exit._tag).toBe("PromptError")
    expect(exit.message).toMatch(/another dataset or schedule/)
  })
})
