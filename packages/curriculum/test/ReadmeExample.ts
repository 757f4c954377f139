import { decomposeAll, makeSchedule, printStatistics, promptRow, statistics } from "@ifrl/curriculum"
import { Result } from "effect"

const row = promptRow({
  instruction: "Describe a rainy day.",
  constraints: [
    { id: "punctuation:no_comma", kwargs: {}, text: "Use no commas" },
    { id: "detectable_format:number_bullet_lists", kwargs: { num_bullets: 2 }, text: "Write exactly 2 bullet points" },
    { id: "soft:tone", kwargs: {}, text: "Sound cheerful" }
  ],
  domain: "writing"
})
const levels = decomposeAll([row])
const schedule = Result.getOrThrow(makeSchedule(levels, { name: "progressive", seed: 1, replay: 0 }))
const { cursor, rows } = schedule.take(schedule.start, 2)

console.log(printStatistics(statistics(levels)))
console.log(rows.map((level) => level.prompt))
console.log(schedule.take(cursor, 1).rows[0]?.level)
