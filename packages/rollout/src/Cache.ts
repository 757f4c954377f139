/**
 * Keys and values of several sequences. Each layer has a buffer for keys and one for values, laid out as [rows, K, S,
 * E] for an S that follows the longest sequence: a step attends over the whole of S, so S is as short as it can be, and
 * grows in strides because every change of S moves what is cached. Memory is committed as it is first touched.
 */
import type { DecoderConfig } from "@ifrl/models"
import { Tensor, type TensorType } from "@ifrl/runtime"

type CacheType = Extract<TensorType, "float32" | "float16" | "bfloat16">
type Buffer = Tensor<CacheType>

/** The S to use for sequences of up to `length`: strides of 64, or of a quarter to an eighth of longer lengths. */
export const capacityFor = (length: number, limit: number): number => {
  const stride = Math.max(64, 2 ** Math.floor(Math.log2(length) - 2))
  return Math.min(limit, Math.ceil(length / stride) * stride)
}

export class Cache {
  /** S. */
  capacity = 0
  /** Elements of a buffer that have ever been in a view: the others are still zero and uncommitted. */
  #touched = 0
  readonly #buffers: ReadonlyArray<Buffer>
  readonly #kvHeads: number
  readonly #headDim: number

  /** Room for `tokens` tokens over all rows. Throws RuntimeError when there is no memory. */
  constructor({ headDim, kvHeads, layers }: DecoderConfig, tokens: number, type: CacheType) {
    this.#kvHeads = kvHeads
    this.#headDim = headDim
    this.#buffers = Array.from({ length: 2 * layers }, () => Tensor.zeros(type, [tokens * kvHeads * headDim]))
  }

  /** Rows `from` to `from + count` of every buffer, [count, K, S, E]: keys and values of layer 0, of layer 1, ... */
  views(from: number, count: number): ReadonlyArray<Tensor> {
    const dims = [count, this.#kvHeads, this.capacity, this.#headDim]
    this.#touched = Math.max(this.#touched, (from + count) * this.#rowSize())
    return this.#buffers.map((buffer) => buffer.view(dims, from * this.#rowSize()))
  }

  /** Copies the first `length` tokens of a row of another cache, or of this one. */
  copy(source: Cache, from: number, to: number, length: number): void {
    const elements = length * this.#headDim
    this.#buffers.forEach((buffer, i) => {
      const data = source.#buffers[i]!.data
      for (let head = 0; head < this.#kvHeads; head++) {
        const start = source.#start(from, head)
        buffer.data.set(data.subarray(start, start + elements), this.#start(to, head))
      }
    })
  }

  /** Changes S and keeps the first `lengths[row]` tokens of every row. */
  resize(capacity: number, lengths: ReadonlyArray<number>): void {
    const old = this.#starts(lengths)
    this.capacity = capacity
    const moved = this.#starts(lengths)
    const order = old.map((_, i) => i)
    this.#touched = Math.max(this.#touched, lengths.length * this.#rowSize())
    // Later heads first when they move to the back, so that nothing is overwritten before it has moved.
    if (moved.at(-1)! > old.at(-1)!) order.reverse()
    for (const { data } of this.#buffers) {
      for (const i of order) {
        data.copyWithin(moved[i]!, old[i]!, old[i]! + lengths[Math.floor(i / this.#kvHeads)]! * this.#headDim)
      }
    }
  }

  /** Forgets everything: what was cached may not be finite, and a masked NaN is still a NaN. */
  clear(): void {
    for (const { data } of this.#buffers) data.fill(0, 0, this.#touched)
  }

  #rowSize(): number {
    return this.#kvHeads * this.capacity * this.#headDim
  }

  #start(row: number, head: number): number {
    return row * this.#rowSize() + head * this.capacity * this.#headDim
  }

  /** Where every head of every row starts. */
  #starts(lengths: ReadonlyArray<number>): Array<number> {
    return lengths.flatMap((_, row) => Array.from({ length: this.#kvHeads }, (_, head) => this.#start(row, head)))
  }
}
