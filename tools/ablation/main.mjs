// What each part of the method is worth on the embedded default: one reward model a seed, and GRPO with one part at a time
// taken away, from the same supervised model, pairs and reward model. Prints a Markdown table. What is finished is not run
// again, so a killed ablation goes on where it stopped.
//
//     npx nx build trainer
//     node tools/ablation/main.mjs --out runs/ablation --seeds 0,1,2 --set train.steps=60
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { ablationTable, variants } from "./Table.mjs"

const { values } = parseArgs({
  options: {
    out: { type: "string", default: "runs/ablation" },
    seeds: { type: "string", default: "0,1,2" },
    only: { type: "string", default: Object.keys(variants).join(",") },
    // Keys of the config for every run.
    set: { type: "string", multiple: true, default: [] },
    // The command, where it isn't the one of this repository.
    ifrl: { type: "string", default: fileURLToPath(new URL("../../apps/trainer/bin/ifrl.js", import.meta.url)) }
  }
})
const seeds = values.seeds.split(",").map(Number)
const names = values.only.split(",")
const unknown = names.find((name) => !(name in variants))
if (unknown !== undefined) throw new Error(`no variant "${unknown}"; there are ${Object.keys(variants).join(", ")}`)

const summaryOf = (name) => {
  const file = join(values.out, name, "summary.json")
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined
}

/** Runs the command unless it is done; a run that was cut short goes on from its newest checkpoint. */
const run = (command, name, settings) => {
  const done = summaryOf(name)
  if (done !== undefined) return done
  const resumed = existsSync(join(values.out, name, "config.json"))
  const sets = [`run.folder=${values.out}`, ...settings, ...values.set].flatMap((assignment) => ["--set", assignment])
  const args = [...command, ...(resumed ? ["--resume", join(values.out, name)] : ["--name", name, ...sets]), "--json"]
  console.error(`ablation: ${name}`)
  const { status } = spawnSync(process.execPath, [values.ifrl, ...args], { stdio: ["ignore", "ignore", "inherit"] })
  if (status !== 0) throw new Error(`${name} ended with status ${status}; mend it and start the ablation again: what is finished stays`)
  return summaryOf(name)
}

for (const seed of seeds) {
  const model = run(["reward", "train"], `reward-model-${seed}`, [`train.seed=${seed}`, `pairs.seed=${seed}`, `rewardModel.seed=${seed}`])
  for (const name of names) {
    run(["train"], `${name}-${seed}`, [`train.seed=${seed}`, `rewardModel.path=${model.directory}`, ...variants[name].settings])
  }
}
console.log(ablationTable(names, seeds, (name, seed) => summaryOf(`${name}-${seed}`)))
