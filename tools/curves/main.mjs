// Trains the embedded model under each preset's objective from the same start, a few seeds each, and draws the reward curves:
//   npm run build && node tools/curves/main.mjs [--presets paper,dapo] [--seeds 0,1,2] [--steps 30] [--responses 192] [--threads 0]
//     [--runs runs/presets] [--out benchmarks/NAME]
// writes NAME.json (the curves and every setting) and NAME.svg. A run that has its summary is not made again; --plot draws NAME.json alone.
// How presets become runs of the embedded model is in scale.mjs.
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { parse, View } from "vega"
import { compile } from "vega-lite"
import { scaled } from "./scale.mjs"

const { values: flags } = parseArgs({
  options: {
    presets: { type: "string", default: "paper,verl-if,dapo,dr-grpo,grpo-trl" },
    seeds: { type: "string", default: "0,1,2" },
    steps: { type: "string", default: "30" },
    responses: { type: "string", default: "192" },
    threads: { type: "string", default: "0" },
    runs: { type: "string", default: "runs/presets" },
    out: { type: "string", default: "benchmarks/presets" },
    ifrl: { type: "string" },
    plot: { type: "boolean", default: false }
  }
})
const root = fileURLToPath(new URL("../..", import.meta.url))
const steps = Number(flags.steps)
/** The command; --ifrl names another, its parts separated by spaces. */
const [file, ...args] = flags.ifrl?.split(" ") ?? [process.execPath, join(root, "apps/trainer/bin/ifrl.js")]

const ifrl = (own) => {
  const { status, stderr, stdout } = spawnSync(file, [...args, ...own], { cwd: root, encoding: "utf8", maxBuffer: 2 ** 28 })
  if (status !== 0) throw new Error(`ifrl ${own[0]} ended with ${status}:\n${stderr}`)
  return JSON.parse(stdout)
}

/**
 * Settings of the evaluation: the first 100 held-out prompts, before and after. Soft constraints are judged by the world's truth,
 * so that no reward model is trained for every run.
 */
const evaluation = {
  "eval.prompts": 100,
  "eval.probe": 0,
  "data.reasoning": 0,
  "reward.soft": "truth",
  "checkpoint.every": 0,
  "train.steps": steps,
  "model.threads": Number(flags.threads)
}

const train = (preset, seed, settings) => {
  const name = `${preset}-${seed}`
  const folder = join(flags.runs, name)
  const assignments = Object.entries({ ...settings, ...evaluation, "train.seed": seed, "run.folder": flags.runs })
    .flatMap(([key, value]) => ["--set", `${key}=${JSON.stringify(value)}`])
  const summary = existsSync(join(root, folder, "summary.json"))
    ? JSON.parse(readFileSync(join(root, folder, "summary.json"), "utf8"))
    : ifrl(["train", "--config", join(root, "apps/trainer/configs/embedded.yaml"), "--name", name, ...assignments, "--json"])
  const metrics = readFileSync(join(root, folder, "metrics.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line))
  process.stderr.write(`${name}: ${summary.before.promptStrict} -> ${summary.after.promptStrict}, ${summary.seconds.toFixed(0)} s\n`)
  const curve = (key) => metrics.map((m) => m[key] === undefined ? null : Number(m[key].toPrecision(5)))
  return {
    preset,
    seed,
    before: { promptStrict: summary.before.promptStrict, relevance: summary.before.relevance },
    after: { promptStrict: summary.after.promptStrict, relevance: summary.after.relevance },
    seconds: Math.round(summary.seconds),
    reward: curve("reward"),
    entropy: curve("entropy"),
    updates: metrics.reduce((sum, m) => sum + m.updates, 0),
    skippedUpdates: metrics.reduce((sum, m) => sum + m.skipped_updates, 0)
  }
}

const collect = () => {
  const presets = flags.presets.split(",")
  const settings = Object.fromEntries(presets.map((preset) => [preset, scaled(ifrl(["explain", "--preset", preset, "--json"]), Number(flags.responses))]))
  // Seed by seed, so that what is there at any time compares all presets.
  const runs = flags.seeds.split(",").flatMap((seed) => presets.map((preset) => train(preset, Number(seed), settings[preset])))
  const lines = runs.map((run) => `  ${JSON.stringify(run)}`).join(",\n")
  const text = `{\n "steps": ${steps},\n "responses": ${flags.responses},\n "settings": ${JSON.stringify(settings)},\n "runs": [\n${lines}\n ]\n}\n`
  writeFileSync(join(root, `${flags.out}.json`), text)
  return { steps, runs }
}

/** Mean of every three steps, so that the eye can follow five curves; one thin line a seed, one thick for the mean of seeds. */
const window = 3
const smooth = (values) =>
  Array.from({ length: Math.floor(values.length / window) }, (_, i) => {
    const part = values.slice(i * window, (i + 1) * window).filter((value) => value !== null)
    return part.length === 0 ? undefined : part.reduce((a, b) => a + b, 0) / part.length
  })

const draw = async ({ runs, steps }) => {
  const values = runs.flatMap(({ preset, reward, seed }) =>
    smooth(reward).flatMap((value, i) => value === undefined ? [] : [{ preset, seed, step: (i + 1) * window, reward: value }])
  )
  const encoding = {
    x: { field: "step", type: "quantitative", title: "step (one rollout)", scale: { domain: [0, steps] } },
    y: { field: "reward", type: "quantitative", title: `mean training reward of ${window} steps`, scale: { zero: false } },
    color: { field: "preset", type: "nominal", title: null, sort: flags.presets.split(","), scale: { scheme: "tableau10" } }
  }
  const spec = {
    width: 640,
    height: 380,
    background: "white",
    config: { legend: { symbolStrokeWidth: 3, symbolOpacity: 1 } },
    data: { values },
    layer: [
      { mark: { type: "line", strokeWidth: 0.8, opacity: 0.45 }, encoding: { ...encoding, detail: { field: "seed", type: "nominal" } } },
      {
        mark: { type: "line", strokeWidth: 2.6 },
        encoding: { ...encoding, y: { ...encoding.y, aggregate: "mean" } }
      }
    ]
  }
  const view = new View(parse(compile(spec).spec), { renderer: "none" })
  writeFileSync(join(root, `${flags.out}.svg`), `${await view.toSVG()}\n`)
}

await draw(flags.plot ? JSON.parse(readFileSync(join(root, `${flags.out}.json`), "utf8")) : collect())
