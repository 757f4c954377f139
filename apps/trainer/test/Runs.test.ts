// Whole runs of the built command on a tiny model: what a kill, an interruption, a full disk and bad data leave behind.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals"
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { binary, runScript, type ScriptOptions } from "./runCli.ts"
import { writeTinyModel } from "./TinyModel.ts"

let folder = ""
const at = (...names: ReadonlyArray<string>) => join(folder, ...names)

const row = (prompt: string, id: string = "punctuation:no_comma", kwargs: object = {}) =>
  JSON.stringify({ prompt, instruction_id_list: [id], kwargs: [kwargs] })
const subjects = ["the sea", "the sun", "a poem", "one word", "the moon", "a boat", "a wave", "the wind"]
const prompts = (verb: string) => subjects.map((subject) => row(`${verb} ${subject}. Use no commas.`)).join("\n")

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ifrl-runs-"))
  await writeTinyModel(at("model"))
  await writeFile(at("train.jsonl"), prompts("describe"))
  await writeFile(at("held.jsonl"), prompts("praise"))
  await writeFile(at("chat.jsonl"), subjects.map((subject) =>
    JSON.stringify({ messages: [{ role: "user", content: subject }, { role: "assistant", content: "it is wide" }] })
  ).join("\n"))
})
afterAll(() => rm(folder, { recursive: true }))

const ifrl = (args: ReadonlyArray<string>, options?: ScriptOptions) => runScript(folder, binary, args, options)

const flags = {
  "--model": "model",
  "--prompts": "train.jsonl",
  "--prompts-per-step": "4",
  "--group-size": "4",
  "--max-tokens": "24",
  "--steps": "6",
  "--learning-rate": "0.01"
}
const settings = {
  "data.heldOut": "held.jsonl",
  "reward.thought": "optional",
  "curriculum.decompose": "false",
  "checkpoint.every": "2"
}

/** `ifrl train` on the tiny model, with flags or settings (keys with a dot) of a test's own. */
const train = (name: string, own: Readonly<Record<string, string>> = {}) => [
  "train",
  ...Object.entries({ "--name": name, ...flags, ...settings, ...own }).flatMap(([key, value]) =>
    key.startsWith("--") ? [key, value] : ["--set", `${key}=${value}`]
  )
]
const weights = (run: string) => readFile(at("runs", run, "model", "model.safetensors"))
const lines = async (...names: ReadonlyArray<string>) =>
  (await readFile(at(...names), "utf8")).trim().split("\n").map((line) => JSON.parse(line))

/** When the run has said that a step is done. */
const atStep = (step: number) => (stdout: string) => stdout.includes(`step ${step}/6`)

describe("ifrl train", () => {
  test("an unbroken run leaves config, metrics, completions, checkpoints, model and summary", async () => {
    const { code, stderr, stdout } = await ifrl([...train("unbroken"), "--json"])
    expect(code).toBe(0)
    expect(stderr).toContain("step 6/6")
    const summary = JSON.parse(stdout)
    expect(Object.keys(summary)).toEqual(["before", "after", "gain", "seconds", "steps", "model"])
    for (const side of [summary.before, summary.after]) {
      for (const key of ["promptStrict", "instructionStrict", "formatRate"]) expect(side[key]).toBeGreaterThanOrEqual(0)
    }
    expect(JSON.parse(await readFile(at("runs/unbroken/summary.json"), "utf8"))).toEqual(summary)
    const metrics = await lines("runs/unbroken/metrics.jsonl")
    expect(metrics.map((m) => m.step)).toEqual([1, 2, 3, 4, 5, 6])
    for (const m of metrics) {
      expect(m["sampling/sampling_logp_difference/max"]).toBeLessThan(1e-4)
      for (const key of ["reward", "grad_norm", "learning_rate", "frac_reward_zero_std", "completions/mean_length"]) {
        expect(typeof m[key]).toBe("number")
      }
    }
    const completions = await lines("runs/unbroken/completions.jsonl")
    expect(completions.length).toBe(6 * 16)
    expect(completions[0]).toMatchObject({ step: 1, parts: [{ name: "punctuation:no_comma", weight: 1 }] })
    expect(await readdir(at("runs/unbroken/checkpoints"))).toEqual(["step-000004", "step-000006"])
  })

  test("kill -9 in the middle of a step, then --resume: the final weights are byte-equal to the unbroken run's", async () => {
    const killed = await ifrl(train("killed"), { signal: "SIGKILL", when: atStep(3) })
    expect(killed.signal).toBe("SIGKILL")
    expect(await readdir(at("runs/killed"))).not.toContain("model")
    const { code } = await ifrl(["train", "--resume", "runs/killed"])
    expect(code).toBe(0)
    expect((await weights("killed")).equals(await weights("unbroken"))).toBe(true)
    const withoutTimes = (metrics: Array<Record<string, unknown>>) =>
      metrics.map((m) => Object.fromEntries(Object.entries(m).filter(([key]) => !/time|tokens_per_second|timing|throughput/.test(key))))
    expect(withoutTimes(await lines("runs/killed/metrics.jsonl"))).toEqual(
      withoutTimes(await lines("runs/unbroken/metrics.jsonl"))
    )
    expect(await lines("runs/killed/completions.jsonl")).toEqual(await lines("runs/unbroken/completions.jsonl"))
  })

  test("Ctrl-C leaves a checkpoint of the last step and says how to go on", async () => {
    const { code, stderr } = await ifrl(train("stopped"), { signal: "SIGINT", when: atStep(3) })
    expect(code).toBe(130)
    expect(stderr).toContain("go on with: ifrl train --resume runs/stopped")
    const [newest] = (await readdir(at("runs/stopped/checkpoints"))).toSorted().toReversed()
    expect(Number(newest!.slice(5))).toBeGreaterThanOrEqual(3)
    expect((await ifrl(["train", "--resume", "runs/stopped"])).code).toBe(0)
    expect((await weights("stopped")).equals(await weights("unbroken"))).toBe(true)
  })

  test("a disk that is full when a checkpoint is written: one message, nothing lost, and the run goes on later", async () => {
    const { code, stderr } = await ifrl(train("full"), { fileLimit: 32 })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^ifrl: .*safetensors.*\n {2}.*disk space/im)
    expect(await readdir(at("runs/full/checkpoints"))).toEqual([])
    expect((await lines("runs/full/metrics.jsonl")).map((m) => m.step)).toEqual([1, 2])
    expect((await ifrl(["train", "--resume", "runs/full"])).code).toBe(0)
    expect((await weights("full")).equals(await weights("unbroken"))).toBe(true)
  })

  test("a corrupt checkpoint is named and the one before it still serves", async () => {
    await cp(at("runs/unbroken"), at("runs/corrupt"), { recursive: true })
    await truncate(at("runs/corrupt/checkpoints/step-000006/model.safetensors"), 1000)
    const { code, stderr } = await ifrl(["train", "--resume", "runs/corrupt"])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^ifrl: .*step-000006\/model\.safetensors: SHA-256 is .*\n {2}delete this folder to resume/)
    await rm(at("runs/corrupt/checkpoints/step-000006"), { recursive: true })
    expect((await ifrl(["train", "--resume", "runs/corrupt"])).code).toBe(0)
    expect((await weights("corrupt")).equals(await weights("unbroken"))).toBe(true)
  })
})

describe("what ends a run early", () => {
  test("a step budget leaves a checkpoint, and the resumed run ends where the unbroken one does", async () => {
    const first = await ifrl([...train("budget", { "run.maxSteps": "3" }), "--json"])
    expect(first.code).toBe(0)
    expect(JSON.parse(first.stdout)).toMatchObject({ steps: 3, stopped: "run.maxSteps 3 are done" })
    expect(await readdir(at("runs/budget/checkpoints"))).toContain("step-000003")
    expect((await ifrl(["train", "--resume", "runs/budget"])).code).toBe(0)
    expect((await weights("budget")).equals(await weights("unbroken"))).toBe(true)
  })

  test("a run in which nothing is trained fails and says where to look", async () => {
    // The model writes no thought, so every reward is 0.
    const { code, stderr, stdout } = await ifrl(train("idle", { "reward.thought": "required", "guards.idleSteps": "3" }))
    expect(code).toBe(1)
    expect(stdout).toContain("warning: step 1: nothing was trained")
    expect(stderr).toMatch(/^ifrl: .*step 3: nothing was trained in the last 3 steps.*\n {2}look at reward, frac_reward_zero_std/)
    expect(await readdir(at("runs/idle/checkpoints"))).toContain("step-000003")
    expect(await readdir(at("runs/idle"))).not.toContain("summary.json")
  })

  test("evaluations keep the best checkpoint, and the run can end with its weights", async () => {
    const { code, stdout } = await ifrl([
      ...train("best", { "eval.every": "1", "checkpoint.every": "0", "checkpoint.keep": "1", "checkpoint.final": "best" }), "--json"
    ])
    expect(code).toBe(0)
    const { after, best } = JSON.parse(stdout)
    const scores = (await lines("runs/best/metrics.jsonl")).map((m) => m["eval/prompt_strict"])
    expect(best).toEqual({ step: scores.indexOf(Math.max(...scores)) + 1, score: Math.max(...scores) })
    expect(after.promptStrict).toBe(best.score)
    const kept = await readFile(at("runs/best/checkpoints", `step-00000${best.step}`, "model.safetensors"))
    expect((await weights("best")).equals(kept)).toBe(true)
  })
})

describe("ifrl sft and eval", () => {
  test("fine-tune, then judge the result", async () => {
    const { code, stdout } = await ifrl([
      "sft", "--name", "tuned", "--model", "model", "--set", "data.examples=chat.jsonl", "--set", "data.validation=chat.jsonl",
      "--steps", "20", "--learning-rate", "0.02", "--set", "sft.rowsPerStep=8", "--set", "metrics.tensorBoard=true", "--json"
    ])
    expect(code).toBe(0)
    expect(await readdir(at("runs/tuned/tensorboard"))).toHaveLength(1)
    const { after, before } = JSON.parse(stdout)
    expect(after.validationLoss).toBeLessThan(before.validationLoss / 2)
    const judged = await ifrl([
      "eval", "--name", "judged", "--model", "runs/tuned/model", "--set", "data.heldOut=held.jsonl", "--set",
      "reward.thought=optional", "--max-tokens", "8", "--json"
    ])
    expect(judged.code).toBe(0)
    expect(JSON.parse(judged.stdout)).toMatchObject({ prompts: 8, byConstraint: { "punctuation:no_comma": { count: 8 } } })
  })
})

describe("bad input ends in one message and exit code 1, and leaves no summary", () => {
  let number = 0
  const cases: ReadonlyArray<readonly [string, () => Promise<Readonly<Record<string, string>>>, RegExp]> = [
    ["an empty dataset", async () => {
      await writeFile(at("empty.jsonl"), "\n")
      return { "--prompts": "empty.jsonl" }
    }, /empty\.jsonl.*holds no prompts/],
    ["a dataset that is not there", async () => ({ "--prompts": "none.jsonl" }), /none\.jsonl.*cannot be read/],
    ["a line that is not JSON", async () => {
      await writeFile(at("broken.jsonl"), `${row("a")}\n{`)
      return { "--prompts": "broken.jsonl" }
    }, /broken\.jsonl:2.*not JSON/],
    ["kwargs missing", async () => {
      await writeFile(at("kwargs.jsonl"), row("say it", "keywords:existence"))
      return { "--prompts": "kwargs.jsonl" }
    }, /kwargs\.jsonl:1.*keywords:existence.*keywords/s],
    ["a constraint that nobody knows", async () => {
      await writeFile(at("unknown.jsonl"), row("say it", "no:such"))
      return { "--prompts": "unknown.jsonl" }
    }, /unknown\.jsonl:1.*no:such/s],
    ["a prompt longer than the context", async () => {
      // The second step comes to it.
      await writeFile(at("long.jsonl"), `${prompts("describe")}\n${row("sea ".repeat(200))}`)
      return { "--prompts": "long.jsonl", "--prompts-per-step": "2", "curriculum.seed": "1" }
    }, /row .*leave no room in a context of 128/],
    ["held-out prompts that are trained on", async () => ({ "--set": "data.heldOut=train.jsonl" }), /is also in train\.jsonl/],
    ["held-out prompts that are levels of those trained on", async () => {
      const two = {
        prompt: "name a port. Use no commas. Use no capitals.",
        instruction: "name a port.",
        constraints: ["Use no commas.", "Use no capitals."],
        instruction_id_list: ["punctuation:no_comma", "change_case:english_lowercase"],
        kwargs: [{}, {}]
      }
      await writeFile(at("two.jsonl"), JSON.stringify(two))
      await writeFile(at("one.jsonl"), row("name a port. Use no commas."))
      return { "--prompts": "two.jsonl", "data.heldOut": "one.jsonl", "curriculum.decompose": "true" }
    }, /one\.jsonl: row .* is also in two\.jsonl/],
    ["truncated weights", async () => {
      await cp(at("model"), at("short"), { recursive: true })
      await truncate(at("short/model.safetensors"), 5000)
      return { "--model": "short" }
    }, /short\/model\.safetensors/],
    ["weights with a NaN", async () => {
      await cp(at("model"), at("nan"), { recursive: true })
      const bytes = await readFile(at("nan/model.safetensors"))
      bytes.writeFloatLE(NaN, bytes.length - 4)
      await writeFile(at("nan/model.safetensors"), bytes)
      return { "--model": "nan" }
    }, /nan\/model\.safetensors.*NaN/],
    ["a vocabulary that is not the model's", async () => {
      await cp(at("model"), at("vocabulary"), { recursive: true })
      const file = at("vocabulary/tokenizer.json")
      const tokenizer = JSON.parse(await readFile(file, "utf8"))
      tokenizer.added_tokens.push({ ...tokenizer.added_tokens[0], id: 999, content: "<|extra|>" })
      await writeFile(file, JSON.stringify(tokenizer))
      return { "--model": "vocabulary" }
    }, /vocabulary.*token ids up to 999.*300 rows/],
    ["an architecture that is not supported", async () => {
      await cp(at("model"), at("other"), { recursive: true })
      const config = JSON.parse(await readFile(at("other/config.json"), "utf8"))
      await writeFile(at("other/config.json"), JSON.stringify({ ...config, architectures: ["MambaForCausalLM"] }))
      return { "--model": "other" }
    }, /other\/config\.json.*MambaForCausalLM/],
    ["a model without a chat template", async () => {
      await writeTinyModel(at("plain"), { chat: false })
      return { "--model": "plain" }
    }, /no chat template/],
    ["a run folder that holds a run", async () => ({ "--name": "unbroken" }), /unbroken: already holds a run/],
    ["a sampling that is not the policy's", async () => ({ "rollout.topP": "0.9" }), /rollout\.topP: is 0\.9.*\n {2}set it to 1/],
    [
      "importance weights that would all be 1",
      async () => ({ "objective.importance.name": "token-truncate" }),
      /objective\.importance\.name: is token-truncate.*\n {2}set train\.oldLogProbs to trainer/
    ],
    ["a best checkpoint without evaluations", async () => ({ "checkpoint.final": "best" }), /checkpoint\.final: is best.*\n {2}set eval\.every/],
    [
      "a best checkpoint by a score that is not known",
      async () => ({ "checkpoint.final": "best", "eval.every": "1", "eval.score": "relevance" }),
      /eval\.score: is relevance, which nobody knows.*\n {2}set another/
    ],
    ["more steps than can be ordered", async () => ({ "--steps": "1000000000" }), /train\.steps: is 1000000000, .*\n {2}set curriculum\.span/],
    ["a learning rate that is not one", async () => ({ "--learning-rate": "-1" }), /learning-rate: optimizer\.learningRate is -1/]
  ]

  test.each(cases)("%s", async (_, prepare, message) => {
    const name = `bad-${++number}`
    const { code, stderr, stdout } = await ifrl(train(name, await prepare()))
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/^ {4}at /m)
    expect(stderr.split("\n").filter((line) => line.startsWith("ifrl:")).length).toBe(1)
    expect(code).toBe(1)
    expect(stdout).not.toContain("step 1/")
    await mkdir(at("runs", name), { recursive: true })
    expect(await readdir(at("runs", name))).not.toContain("summary.json")
  })

  test("resuming what is not a run", async () => {
    const { code, stderr } = await ifrl(["train", "--resume", "model"])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^ifrl: config: model\/config\.json: unknown key/)
  })

  const mistaken = [
    ["another order of prompts", "unbroken", ["--steps", "9"], /resume: runs\/again: the prompts, or their order, are not.*\n {2}leave .*train\.steps/],
    ["other held-out prompts", "unbroken", ["--set", "eval.prompts=4"], /held-out prompts: is 4, but the run was evaluated on 8/],
    ["the run of another command", "tuned", ["--prompts", "train.jsonl"], /again: holds a run of ifrl sft, which ifrl train would write over\n {2}go on with ifrl sft --resume/]
  ] as const

  test.each(mistaken)("resuming with %s leaves the run's config as it was", async (_, run, own, message) => {
    await cp(at("runs", run), at("runs/again"), { recursive: true })
    const { code, stderr } = await ifrl(["train", "--resume", "runs/again", ...own])
    expect(code).toBe(1)
    expect(stderr).toMatch(message)
    expect(await readFile(at("runs/again/config.json"), "utf8")).toBe(await readFile(at("runs", run, "config.json"), "utf8"))
    await rm(at("runs/again"), { recursive: true })
  })

  test("fine-tuning that is to end with its best weights", async () => {
    const { code, stderr } = await ifrl(["sft", "--name", "best-tuned", "--model", "model", "--set", "checkpoint.final=best"])
    expect(code).toBe(1)
    expect(stderr).toMatch(/checkpoint\.final: is best, but fine-tuning ends with the weights of its last step\n {2}set it to last/)
  })

  test("fine-tuning whose updates are all skipped", async () => {
    const { code, stderr } = await ifrl([
      "sft", "--name", "skipped", "--model", "model", "--set", "data.examples=chat.jsonl", "--set", "data.validation=chat.jsonl",
      "--set", "sft.rowsPerStep=4", "--set", "guards.skipGradNorm=0.0001", "--set", "guards.maxSkipped=3"
    ])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^ifrl: train: step 3: the last 3 updates were skipped/)
  })

  test("a conversation without an answer", async () => {
    await writeFile(at("mute.jsonl"), JSON.stringify({ messages: [{ role: "user", content: "hello" }] }))
    const { code, stderr } = await ifrl([
      "sft", "--name", "mute", "--model", "model", "--set", "data.examples=mute.jsonl", "--set", "data.validation=chat.jsonl"
    ])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^ifrl: .*mute\.jsonl:1.*does not end with an assistant's answer/)
  })
})
