/**
 * transformers.js in a process of its own, since its ONNX Runtime and ours would be one in the same process:
 *
 *     node transformersJs.mjs '[{ "folder": ..., "dtype": "fp32", "prompt": [ids], "count": n }, { "folder": ..., "messages": [...], "count": n }]'
 *
 * prints what greedy generation gives, tokens or the answer's text, one JSON value a task.
 */
import { AutoModelForCausalLM, env, pipeline, Tensor } from "@huggingface/transformers"

env.allowRemoteModels = false

const int64 = (values) => new Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length])

const tokens = async ({ count, dtype, folder, prompt }) => {
  const model = await AutoModelForCausalLM.from_pretrained(folder, { dtype, device: "cpu" })
  const output = await model.generate({
    inputs: int64(prompt),
    attention_mask: int64(prompt.map(() => 1)),
    max_new_tokens: count,
    do_sample: false
  })
  return Array.from(output.data, Number).slice(prompt.length)
}

const chat = async ({ count, folder, messages }) => {
  const generator = await pipeline("text-generation", folder, { device: "cpu" })
  const [{ generated_text: conversation }] = await generator(messages, { max_new_tokens: count, do_sample: false })
  return conversation.at(-1).content
}

for (const task of JSON.parse(process.argv[2])) console.log(JSON.stringify(await (task.messages ? chat(task) : tokens(task))))
