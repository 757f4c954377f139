// An instruction to which constraints are added.

export interface Seed {
  /** Names the seed within its source. */
  readonly id: string
  /** The bare instruction, its input included. */
  readonly instruction: string
  /** What kind of work it asks for. */
  readonly domain: string
}
