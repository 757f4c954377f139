import { type Dim, differentDims, isUnknownDim, sameDim } from "./Dim.ts"

/** Dimensions, outermost first. `undefined` in its place means that not even the rank is known. */
export type Shape = ReadonlyArray<Dim>

export const formatShape = (shape: Shape | undefined): string =>
  shape === undefined ? "[...]" : `[${shape.map((dim) => dim === "" ? "?" : dim).join(", ")}]`

/** Makes a symbol for a size that can't be derived. */
export type Fresh = () => Dim

/** The common size of two dimensions under broadcasting, or undefined when they can't agree. */
export const broadcastDim = (a: Dim, b: Dim, fresh: Fresh): Dim | undefined => {
  if (a === 1) return b
  if (b === 1 || sameDim(a, b)) return a
  if (typeof a === "number" && typeof b === "number") return undefined
  // A symbol beside a size other than 1 is that size or 1.
  if (typeof a === "number") return a
  if (typeof b === "number") return b
  return fresh()
}

/** Multidirectional (numpy) broadcasting. "conflict" when the shapes are provably incompatible. */
export const broadcast = (
  shapes: ReadonlyArray<Shape | undefined>,
  fresh: Fresh
): Shape | undefined | "conflict" => {
  let result: Shape | undefined = []
  for (const shape of shapes) {
    if (result === undefined || shape === undefined) {
      result = undefined
      continue
    }
    const rank: number = Math.max(result.length, shape.length)
    const at = (s: Shape, i: number): Dim => s[i - rank + s.length] ?? 1
    const dims: Array<Dim> = []
    for (let i = 0; i < rank; i++) {
      const dim = broadcastDim(at(result, i), at(shape, i), fresh)
      if (dim === undefined) return "conflict"
      dims.push(dim)
    }
    result = dims
  }
  return result
}

/** What two descriptions of the same tensor say together; "conflict" when they can't both be true. */
export const mergeShapes = (
  a: Shape | undefined,
  b: Shape | undefined
): Shape | undefined | "conflict" => {
  if (a === undefined || b === undefined) return a ?? b
  if (a.length !== b.length || a.some((dim, i) => differentDims(dim, b[i]!))) return "conflict"
  return a.map((dim, i) => preferred(dim, b[i]!))
}

/** Of two names for one size: a number first, then a name somebody chose. */
export const preferred = (a: Dim, b: Dim): Dim => {
  if (typeof a === "number" || b === "") return a
  if (typeof b === "number" || a === "" || a.includes("?")) return b
  return a
}

/** What two tensors of different runs have in common: dims that differ become fresh symbols. */
export const joinShapes = (a: Shape | undefined, b: Shape | undefined, fresh: Fresh): Shape | undefined =>
  a === undefined || b === undefined || a.length !== b.length
    ? undefined
    : a.map((dim, i) => sameDim(dim, b[i]!) ? dim : fresh())

/** The dims that somebody named; the rest as "". */
export const namedShape = (shape: Shape): Shape => shape.map((dim) => isUnknownDim(dim) ? "" : dim)
