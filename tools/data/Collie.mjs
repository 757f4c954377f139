// COLLIE's data is published as a pickle of its own classes; @ifrl reads it as JSON lines. The lines are a function of the
// original alone, and are checked by their own SHA-256.
import { readPickle } from "./Pickle.mjs"

const attribute = (value, name) => value?.pickled === "object" ? value.state?.get(name) ?? null : value

const transformation = (value) => {
  // `...`, which stands for the units themselves.
  if (value.pickled === "call") return { op: "identity" }
  switch (value.name) {
    case "Count":
      return { op: "count", count_target: attribute(value, "count_target") }
    case "Position":
      return { op: "position", position: attribute(value, "position") }
    case "ForEach":
      return { op: "foreach", func: transformation(attribute(value, "func")) }
    default:
      throw new Error(`COLLIE's data has a transformation ${value.name}, which is not known here`)
  }
}

const constraint = (value) => {
  if (value.name === "All") return { logic: "all", constraints: value.state.get("callables").map(constraint) }
  const state = value.state
  return {
    input_level: attribute(state.get("input_level"), "level"),
    target_level: attribute(state.get("target_level"), "level"),
    transformation: transformation(state.get("transformation")),
    relation: attribute(state.get("relation"), "operand"),
    reduction: attribute(state.get("reduction"), "reduction"),
    reduction_value: attribute(state.get("reduction"), "value")
  }
}

/** JSON as Python writes it: a space behind each comma and colon. */
const spaced = (value) => {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  return `{${Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${spaced(item)}`).join(", ")}}`
}

/**
 * `{ id, group, prompt, targets, constraint, example }` of every instance, one a line.
 *
 * @param {Uint8Array} pickle
 */
export const collieLines = (pickle) =>
  [...readPickle(pickle)].flatMap(([group, instances]) =>
    instances.map((instance, i) =>
      `${
        spaced({
          id: `${group}:${i}`,
          group,
          prompt: instance.get("prompt"),
          targets: instance.get("targets"),
          constraint: constraint(instance.get("constraint")),
          example: instance.get("example")
        })
      }\n`
    )
  ).join("")
