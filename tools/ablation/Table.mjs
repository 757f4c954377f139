// The variants of the ablation and its table.

/** The paper's curriculum, every level of a prompt and the easy ones first, which the embedded default leaves out. */
const curriculum = ["curriculum.decompose=true", "curriculum.name=progressive"]

/** What is taken away from, or added to, the whole. */
export const variants = {
  full: { title: "full", settings: curriculum },
  "no-rules": { title: "without rules", settings: [...curriculum, "reward.rules=false"] },
  "no-soft": { title: "without soft rewards", settings: [...curriculum, "reward.soft=none"] },
  binary: { title: "binary soft rewards", settings: [...curriculum, "reward.softScore=binary"] },
  "no-curriculum": { title: "without curriculum", settings: ["curriculum.decompose=false", "curriculum.name=shuffled"] },
  signals: { title: "with internal signals", settings: [...curriculum, "reward.selfConsistencyWeight=0.5", "reward.plausibilityWeight=0.5"] }
}

const figures = [
  ["prompt-level", "promptStrict"],
  ["instruction-level", "instructionStrict"],
  ["soft (truth)", "soft"],
  ["soft (model)", "softModel"],
  ["format", "formatRate"],
  ["relevance", "relevance"],
  ["reasoning probe", "probe"]
]

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length
const spread = (values) => Math.sqrt(values.reduce((sum, v) => sum + (v - mean(values)) ** 2, 0) / Math.max(1, values.length - 1))

const cell = (values) =>
  values.length === 0
    ? ""
    : values.length === 1
    ? mean(values).toFixed(3)
    : `${mean(values).toFixed(3)} ± ${spread(values).toFixed(3)}`

/**
 * Markdown: a line a variant, mean and standard deviation over the seeds that have a summary.
 *
 * @param {(name: string, seed: number) => any} summaryOf undefined where a run is missing
 */
export const ablationTable = (names, seeds, summaryOf) => {
  const found = names.map((name) => ({ name, summaries: seeds.map((seed) => summaryOf(name, seed)).filter((s) => s !== undefined) }))
  const before = found.flatMap(({ summaries }) => summaries.map((summary) => summary.before))
  const line = (title, evaluations, count) =>
    `| ${[title, count, ...figures.map(([, key]) => cell(evaluations.map((e) => e[key]).filter((v) => v !== undefined)))].join(" | ")} |`
  return [
    `| | seeds | ${figures.map(([title]) => title).join(" | ")} |`,
    `|${"---|".repeat(figures.length + 2)}`,
    ...(before.length === 0 ? [] : [line("before", [before[0]], "")]),
    ...found.map(({ name, summaries }) => line(variants[name].title, summaries.map(({ after }) => after), summaries.length))
  ].join("\n")
}
