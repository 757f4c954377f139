// How a preset, made for models of billions of parameters, becomes a run of the embedded model. One rule for all of them:
//   - world, model, reward, curriculum and lengths are configs/embedded.yaml's; all presets have as many responses a rollout, 192 there;
//   - the preset keeps its objective, advantages, groups, epochs, weight decay, schedule shape, and its updates per rollout as far as
//     there are prompts for them; an overlong buffer keeps its share of the longest completion;
//   - the learning rate is 1e-4 (what embedded.yaml has for updates of 192 responses) for a preset's 1e-6, times the square root of the
//     share of 192 responses that an update has: for Adam the rate goes with the root of the batch (arXiv 2205.10287).

const embeddedResponses = 192
const embeddedRate = 1e-4
const presetRate = 1e-6
const embeddedWarmup = 5
const embeddedMaxTokens = 128

/** Sections whose values a run takes from its preset as they are. */
const kept = /^(objective|degenerate)\.|^train\.(epochs|oldLogProbs)$|^optimizer\.(betas|epsilon|weightDecay|maxGradNorm)$|^schedule\.(name|minimumRatio)$|^overlong\.(mask|penalty)$/

/**
 * Assignments for `ifrl train --config configs/embedded.yaml --set ...`.
 *
 * @param {ReadonlyArray<{ key: string, value?: unknown }>} explained what `ifrl explain --preset NAME --json` prints
 * @param {number} responses of a rollout
 */
export const scaled = (explained, responses = embeddedResponses) => {
  const value = Object.fromEntries(explained.map((entry) => [entry.key, entry.value]))
  const G = value["rollout.groupSize"]
  const theirs = value["rollout.promptsPerStep"]
  const theirMinibatch = value["train.minibatchPrompts"] === 0 ? theirs : value["train.minibatchPrompts"]
  const prompts = Math.round(responses / G)
  const updates = Math.min(prompts, Math.ceil(theirs / theirMinibatch))
  const minibatch = Math.ceil(prompts / updates)
  const share = (minibatch * G) / embeddedResponses
  const own = {
    "rollout.promptsPerStep": prompts,
    "rollout.groupSize": G,
    "train.minibatchPrompts": minibatch,
    "optimizer.learningRate": Number(((embeddedRate * value["optimizer.learningRate"] / presetRate) * Math.sqrt(share)).toPrecision(3)),
    "schedule.warmupSteps": embeddedWarmup,
    "overlong.buffer": Math.round((value["overlong.buffer"] / value["rollout.maxTokens"]) * embeddedMaxTokens)
  }
  const same = explained.filter(({ key, value }) => kept.test(key) && value !== undefined)
  return { ...Object.fromEntries(same.map(({ key, value }) => [key, value])), ...own }
}
