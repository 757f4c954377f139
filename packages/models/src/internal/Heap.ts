/** A binary heap with the greatest element first. */
export class Heap<A> {
  private readonly items: Array<A> = []
  private readonly compare: (a: A, b: A) => number
  constructor(compare: (a: A, b: A) => number) {
    this.compare = compare
  }
  push(item: A): void {
    const { items } = this
    let at = items.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.compare(item, items[parent]!) <= 0) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = item
  }
  pop(): A | undefined {
    const { items } = this
    const top = items[0]
    const last = items.pop()
    if (items.length === 0 || last === undefined) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && this.compare(items[child + 1]!, items[child]!) > 0) child++
      if (this.compare(items[child]!, last) <= 0) break
      items[at] = items[child]!
      at = child
    }
    items[at] = last
    return top
  }
}
