/** The names in use in one tree of graphs. */
export class Names {
  readonly #taken = new Set<string>()
  readonly #reserved = new Set<string>()
  readonly #counters = new Map<string, number>()

  /** Takes a name; false when it is in use. */
  take(name: string): boolean {
    if (this.#taken.has(name)) return false
    this.#taken.add(name)
    return true
  }

  /** Gives a name back. */
  release(name: string): void {
    this.#taken.delete(name)
  }

  /** Keeps names from being made up. */
  reserve(names: Iterable<string>): void {
    for (const name of names) this.#reserved.add(name)
  }

  /** `stem` itself if that is free, otherwise a numbered one. */
  preferred(stem: string): string {
    return !this.#reserved.has(stem) && this.take(stem) ? stem : this.numbered(stem)
  }

  /** The first free `stem_n`. */
  numbered(stem: string): string {
    for (let n = this.#counters.get(stem) ?? 0;; n++) {
      const name = `${stem}_${n}`
      if (this.#reserved.has(name) || !this.take(name)) continue
      this.#counters.set(stem, n + 1)
      return name
    }
  }
}
