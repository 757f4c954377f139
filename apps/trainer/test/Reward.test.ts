// `ifrl reward` on a classifier with a fresh head: what it prints and what it refuses; and the groups it is measured on.
import { NodeServices } from "@effect/platform-node"
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals"
import { classifierOn, loadModel } from "@ifrl/models"
import { classLabels, type RewardModelCard, rewardTemplates, saveRewardModel } from "@ifrl/reward"
import { Effect, Layer } from "effect"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { writtenGroups } from "../src/SoftAgreement.ts"
import { runCli as run } from "./runCli.ts"
import { writeTinyModel } from "./TinyModel.ts"


const report = { examples: 1, accuracy: 1, auc: 1, negativeLogLikelihood: 0, ece: 0 }
const card: RewardModelCard = {
  format: "ifrl-reward-model",
  version: 1,
  template: rewardTemplates.constraint,
  maxLength: 128,
  temperature: 1,
  base: "tiny",
  policy: "tiny",
  pairs: "",
  heldOut: { uncalibrated: report, calibrated: report }
}

let folder = ""
const at = (name: string) => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ifrl-reward-"))
  await writeTinyModel(at("base"))
  await Effect.runPromise(
    Effect.gen(function*() {
      const classifier = classifierOn(yield* loadModel(at("base")), { labels: classLabels, seed: 3 })
      yield* saveRewardModel(at("reward"), { classifier, card })
    }).pipe(Effect.provide(Layer.mergeAll(NodeServices.layer)))
  )
  await writeFile(at("pairs.jsonl"), [
    { constraint: "be sad", response: "the sea" }, { constraint: "be glad", response: "the sea" }, { constraint: "be sad", response: "the sea" }
  ].map((pair) => JSON.stringify(pair)).join("\n"))
  await writeFile(at("broken.jsonl"), "{\"constraint\": \"be sad\"}\n")
})
afterAll(() => rm(folder, { recursive: true }))

describe("ifrl reward score", () => {
  test("prints one probability a pair, equal ones for equal pairs", async () => {
    const { output } = await run("reward", "score", "--model", at("reward"), "--pairs", at("pairs.jsonl"))
    expect(output).toHaveLength(3)
    expect(output.every((line) => /^0\.\d{6}$/.test(String(line)))).toBe(true)
    expect(output[2]).toBe(output[0])
    expect(output[1]).not.toBe(output[0])
    const json = await run("reward", "score", "--model", at("reward"), "--pairs", at("pairs.jsonl"), "--json")
    expect((JSON.parse(String(json.output[0])) as { scores: Array<number> }).scores.map((p) => p.toFixed(6))).toEqual(output)
  })

  test.each([
    ["a folder without a card", ["score", "--model", "base", "--pairs", "pairs.jsonl"], /reward_model\.json/],
    ["a line that is no pair", ["score", "--model", "reward", "--pairs", "broken.jsonl"], /broken\.jsonl:1/],
    ["a number of threads that there can't be", ["score", "--model", "reward", "--pairs", "pairs.jsonl", "--threads", "-1"], /threads is -1/],
    ["nothing to measure", ["eval"], /there is none to measure/],
    ["nothing to measure on", ["eval", "--reward-model", "reward", "--groups", "0"], /--groups 0: leaves nothing to measure on/],
    ["a timing of no reward model", ["eval", "--policy", "--throughput", "9"], /--throughput: times a reward model, and none is named/],
    ["a timing of fewer than no pairs", ["eval", "--reward-model", "reward", "--throughput", "-1"], /--throughput -1: is no number of pairs/],
    ["a name of no endpoint", ["eval", "--reward-model", "reward", "--judge", "other"], /--judge: is about an endpoint, and none is named/],
    ["replies of no endpoint", ["eval", "--reward-model", "reward", "--cache", "replies"], /--cache: is about an endpoint, and none is named/]
  ])("refuses %s", async (_, args, message) => {
    const { exit } = await run("reward", ...args.map((arg) => /jsonl$|^base$|^reward$/.test(arg) ? at(arg) : arg))
    expect(exit._tag).toBe("Failure")
    expect(String(exit)).toMatch(message)
  })
})

describe("groups of the embedded world", () => {
  const groups = writtenGroups(5, ["soft:tone"])
  test("hold one constraint of every type and responses that follow none to all of them", () => {
    for (const { constraints, responses } of groups) {
      expect(constraints).toHaveLength(4)
      expect(responses.map(({ followed }) => followed.filter(Boolean).length)).toEqual([0, 1, 2, 3, 4])
    }
  })
  test("repeat, and name what was never trained on", () => {
    expect(writtenGroups(5, ["soft:tone"])).toEqual(groups)
    expect(groups[0]!.types!.toSorted()).toEqual(["soft:audience", "soft:persona", "soft:tone (type never trained on)", "soft:viewpoint"])
  })
})

test("ifrl reward serve names the port that it cannot have", async () => {
  const taken = createServer()
  await new Promise<void>((listening) => taken.listen(0, "127.0.0.1", listening))
  const { port } = taken.address() as AddressInfo
  const serve = async (asked: number) => String((await run("reward", "serve", "--model", at("reward"), "--port", `${asked}`)).exit)
  expect(await serve(port)).toMatch(new RegExp(`reward serve: 127\\.0\\.0\\.1:${port}: .*EADDRINUSE.*; give another --port`))
  expect(await serve(65_536)).toMatch(/reward serve: 127\.0\.0\.1:65536: a port is a number from 0 to 65535/)
  await new Promise((closed) => taken.close(closed))
})
