/**
 * Rows of tokens as the tree of their prefixes. Under causal attention what a decoder makes of a token depends on the
 * tokens up to it alone, so rows that begin alike share all of their beginning: a node of the tree is a prefix, and a
 * `packedClassifierGraph` computes each node once, without padding.
 *
 * Nodes are numbered depth first, and attend by chunks of consecutive nodes of one row: their keys are that row from
 * its beginning. Attention is a few products of even size that way, whatever the rows are like; and since keys always
 * stand at their places in the row, a row's result has the same bits whatever it is computed with.
 */
import { Tensor } from "@ifrl/runtime"
import { type DecoderConfig, windowOf } from "./Config.ts"

/**
 * Nodes that attend in one product. More of them share the reading of keys, and see more keys that are none of theirs:
 * 256 pairs of 64 tokens took 138 ms of processor time with 16, 140 with 12 and 24, 147 with 32 (four heads of 32).
 */
export const chunkNodes = 16

/** Nodes whose chunks attend at once, padded to the keys of the deepest; chunks are grouped by depth. */
const groupNodes = 512

/** Far enough below any score. */
const hidden = -1e30

/** The layers' windows, one of each, but for the last layer's, in which only the rows' ends attend. */
export const windowsOf = (config: DecoderConfig): ReadonlyArray<number | undefined> => [
  ...new Set(Array.from({ length: config.layers - 1 }, (_, l) => windowOf(config, l)))
]

/** The graph's input that says what queries see under a window. */
export const maskName = (window: number | undefined): string => window === undefined ? "mask" : `mask.${window}`

const commonPrefix = (a: Int32Array, b: Int32Array): number => {
  const length = Math.min(a.length, b.length)
  let same = 0
  while (same < length && a[same] === b[same]) same++
  return same
}

const byTokens = (a: Int32Array, b: Int32Array): number => {
  const same = commonPrefix(a, b)
  return (a[same] ?? -1) - (b[same] ?? -1)
}

export interface PrefixBatches {
  /** About the most nodes of a batch; a longer row is a batch of its own. */
  readonly nodes: number
  /** Batches that are run at once: their number is a multiple of it where there is enough for all. */
  readonly lanes?: number
}

/** Nodes that are worth a batch of their own. */
const fewest = 256

/**
 * Rows, by their indices, in batches of even size; those that begin alike are neighbours. Rows times the longest of
 * them stay below four times `nodes`, which bounds memory.
 */
export const prefixBatches = (
  rows: ReadonlyArray<Int32Array>,
  { lanes = 1, nodes }: PrefixBatches
): Array<ReadonlyArray<number>> => {
  const order = rows.map((_, i) => i).sort((a, b) => byTokens(rows[a]!, rows[b]!) || a - b)
  const added = order.map((index, i) =>
    rows[index]!.length - (i === 0 ? 0 : commonPrefix(rows[order[i - 1]!]!, rows[index]!))
  )
  const total = added.reduce((sum, count) => sum + count, 0)
  const rounds = Math.ceil(total / (nodes * lanes))
  const share = total / (total < lanes * Math.min(fewest, nodes) ? 1 : rounds * lanes)
  const batches: Array<Array<number>> = []
  let [before, end, longest] = [0, 0, 0]
  order.forEach((index, i) => {
    const { length } = rows[index]!
    const crowded = ((batches.at(-1)?.length ?? 0) + 1) * Math.max(longest, length) > 4 * nodes
    if (before >= end || crowded) {
      end = (before >= end ? end : before) + share
      longest = length
      batches.push([])
    } else longest = Math.max(longest, length)
    batches.at(-1)!.push(index)
    before += added[i]!
  })
  return batches
}

interface Tree {
  /** [N] */
  readonly tokens: Int32Array
  /** [N]: a node's place in its rows. */
  readonly depths: Int32Array
  /** [N]: the first row that a node is of. */
  readonly owners: Int32Array
  /** [B + 1]: the first of the nodes that a row has for itself and later rows. */
  readonly owned: Int32Array
  /** [B, T]: the nodes of each row, 0 behind its end. */
  readonly paths: Int32Array
  readonly T: number
}

const int32 = (...dims: ReadonlyArray<number>) => Tensor.zeros("int32", dims)

/** The tree of rows, each of which shares what it can with the one before it. */
const treeOf = (rows: ReadonlyArray<Int32Array>): Tree => {
  const shared = rows.map((row, b) => (b === 0 ? 0 : commonPrefix(rows[b - 1]!, row)))
  const T = rows.reduce((most, row) => Math.max(most, row.length), 0)
  const N = rows.reduce((sum, row, b) => sum + row.length - shared[b]!, 0)
  const [tokens, depths, owners] = [new Int32Array(N), new Int32Array(N), new Int32Array(N)]
  const paths = new Int32Array(rows.length * T)
  const owned = new Int32Array(rows.length + 1)
  let next = 0
  rows.forEach((row, b) => {
    paths.copyWithin(b * T, (b - 1) * T, (b - 1) * T + shared[b]!)
    for (let t = shared[b]!; t < row.length; t++) {
      tokens[next] = row[t]!
      depths[next] = t
      owners[next] = b
      paths[b * T + t] = next++
    }
    owned[b + 1] = next
  })
  return { tokens, depths, owners, owned, paths, T }
}

interface Groups {
  /** Chunks [M, G], the deepest first, by the first node of each; -1 where the last group has none left. */
  readonly chunks: Int32Array
  readonly G: number
  /** [M + 1]: where the keys of a group's chunk would begin if every group had one chunk. */
  readonly bounds: Int32Array
}

/** The node behind the last of a chunk. */
const endOf = ({ owned, owners }: Tree, first: number): number =>
  Math.min(first + chunkNodes, owned[owners[first]! + 1]!)

/** How many keys a chunk sees. */
const widthOf = (tree: Tree, first: number): number => tree.depths[first]! + endOf(tree, first) - first

const groupsOf = (tree: Tree): Groups => {
  const firsts: Array<number> = []
  for (let n = 0; n < tree.depths.length; n = endOf(tree, n)) firsts.push(n)
  const widths = new Map(firsts.map((first) => [first, widthOf(tree, first)]))
  firsts.sort((a, b) => widths.get(b)! - widths.get(a)! || a - b)
  const G = Math.ceil(firsts.length / Math.ceil((firsts.length * chunkNodes) / groupNodes))
  const M = Math.ceil(firsts.length / G)
  const chunks = new Int32Array(M * G).fill(-1)
  chunks.set(firsts)
  const bounds = new Int32Array(M + 1)
  for (let m = 0; m < M; m++) bounds[m + 1] = bounds[m]! + widths.get(chunks[m * G]!)!
  return { chunks, G, bounds }
}

/** For each chunk its first node, the number of its group, and where its keys begin in the flat list of all. */
const eachChunk = (
  { bounds, chunks, G }: Groups,
  use: (first: number, place: number, keys: number, width: number) => void
) =>
  chunks.forEach((first, place) => {
    const m = Math.floor(place / G)
    const width = bounds[m + 1]! - bounds[m]!
    if (first !== -1) use(first, place, bounds[m]! * G + (place % G) * width, width)
  })

/** Keys of every chunk: its row, up to its last node. */
const keysOf = (tree: Tree, groups: Groups): Tensor => {
  const { owners, paths, T } = tree
  const tensor = int32(groups.bounds.at(-1)! * groups.G)
  eachChunk(groups, (first, _, at) => {
    const path = owners[first]! * T
    tensor.data.set(paths.subarray(path, path + widthOf(tree, first)), at)
  })
  return tensor
}

/** What each node sees of its chunk's keys: itself and those before it, the nearest `window` of them. */
const maskOf = (tree: Tree, groups: Groups, window = Infinity): Tensor => {
  const tensor = Tensor.zeros("float32", [groups.bounds.at(-1)! * groups.G * chunkNodes])
  const mask = tensor.data.fill(hidden)
  eachChunk(groups, (first, _, keys, width) => {
    for (let n = first; n < endOf(tree, first); n++) {
      const [at, seen] = [keys * chunkNodes + (n - first) * width, tree.depths[n]! + 1]
      mask.fill(0, at + Math.max(0, seen - window), at + seen)
    }
  })
  return tensor
}

/** The different tokens [V], and which of them each node is [N]. */
const vocabularyOf = (tokens: Int32Array) => {
  const places = new Map<number, number>()
  const which = tokens.map((token) => {
    const place = places.get(token) ?? places.size
    if (place === places.size) places.set(token, place)
    return place
  })
  return {
    vocabulary: Tensor.from("int32", [places.size], [...places.keys()]),
    tokens: Tensor.from("int32", [which.length], which)
  }
}

/**
 * The inputs of a `packedClassifierGraph` that are not parameters, for rows of at least one token. Rows that begin
 * alike should be neighbours, as `prefixBatches` puts them.
 */
export const packRows = (
  config: DecoderConfig,
  rows: ReadonlyArray<Int32Array>
): Readonly<Record<string, Tensor>> => {
  const { heads: H, layers } = config
  const tree = treeOf(rows)
  const groups = groupsOf(tree)
  const { depths, paths, T, tokens } = tree
  const [B, N, M, G] = [rows.length, tokens.length, groups.bounds.length - 1, groups.G]
  const [queries, returns] = [int32(M, G, H, chunkNodes), int32(N, H)]
  eachChunk(groups, (first, place) => {
    for (let h = 0; h < H; h++) {
      const at = (place * H + h) * chunkNodes
      for (let n = first; n < endOf(tree, first); n++) {
        queries.data[at + n - first] = n * H + h
        returns.data[n * H + h] = at + n - first
      }
    }
  })
  const sight = windowOf(config, layers - 1) ?? Infinity
  const pathMask = Tensor.zeros("float32", [B, 1, 1, T])
  pathMask.data.fill(hidden)
  rows.forEach(({ length }, b) => pathMask.data.fill(0, b * T + Math.max(0, length - sight), b * T + length))
  return {
    ...vocabularyOf(tokens),
    positions: Tensor.from("int32", [N, 1], depths),
    queries,
    bounds: Tensor.from("int32", [M + 1], groups.bounds),
    keys: keysOf(tree, groups),
    ...Object.fromEntries(windowsOf(config).map((window) => [maskName(window), maskOf(tree, groups, window)])),
    returns,
    ends: Tensor.from("int32", [B], rows.map(({ length }, b) => paths[b * T + length - 1]!)),
    paths: Tensor.from("int32", [B, T], paths),
    path_mask: pathMask
  }
}
