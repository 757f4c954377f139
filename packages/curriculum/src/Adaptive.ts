// A curriculum that follows what the policy can do. A level is open when it is the lowest, or when the one below it
// passes often enough; among open levels prompts are drawn in proportion to p (1 - p) of the level's pass rate p, the
// variance of a pass, since a group that all passes or all fails has no advantage to learn from.
import { Schema } from "effect"
import { random } from "./Random.ts"

/** What is known of a level; plain JSON. */
export const LevelState = Schema.Struct({
  /** Prompts drawn from it. */
  taken: Schema.Int,
  /** Prompts of it whose answers were measured. */
  measured: Schema.Int,
  /** Moving mean of their pass rates. */
  passRate: Schema.Finite
})
export type LevelState = typeof LevelState.Type
export type Adaptive = ReadonlyArray<LevelState>

/** Weight that no open level falls below, of the 0.25 at most that p (1 - p) can be. */
const leastWeight = 0.02
/** Share of the mean that one more prompt makes up, once there are many. */
const renewal = 0.02
/** Prompts of a level that must be measured before the next one opens. */
const enough = 8

export interface AdaptiveOptions {
  /** Row indices by level, lowest first. */
  readonly levels: ReadonlyArray<ReadonlyArray<number>>
  readonly seed: number
  readonly promote: number
}

export const adaptive = ({ levels, promote, seed }: AdaptiveOptions) => {
  const start: Adaptive = levels.map(() => ({ taken: 0, measured: 0, passRate: 0 }))

  /** How likely each level is drawn, but for a factor. */
  const weights = (state: Adaptive): ReadonlyArray<number> => {
    let open = true
    return state.map(({ measured, passRate, taken }, level) => {
      const below = state[level - 1]
      open = open && (below === undefined || taken > 0 || (below.measured >= enough && below.passRate >= promote))
      // An open level that nothing is known of counts as one that passes half the time.
      const p = measured === 0 ? 0.5 : passRate
      return open ? Math.max(leastWeight, p * (1 - p)) : 0
    })
  }

  const rounds = new Map<string, ReadonlyArray<number>>()
  /** Row `n` of a level, each once before any comes again. */
  const rowOf = (level: number, n: number): number => {
    const rows = levels[level]!
    const key = `${level}/${Math.floor(n / rows.length)}`
    const order = rounds.get(key) ?? random(seed, "adaptive", level, Math.floor(n / rows.length)).shuffle(rows)
    rounds.set(key, order)
    return order[n % rows.length]!
  }

  /** The next row, and what is known after it. */
  const draw = (state: Adaptive): { readonly index: number; readonly state: Adaptive } => {
    const all = weights(state)
    const total = all.reduce((sum, weight) => sum + weight, 0)
    let left =
      random(
        seed,
        "adaptive",
        state.reduce((sum, { taken }) => sum + taken, 0)
      ).uniform() * total
    let level = all.findIndex((weight) => (left -= weight) < 0)
    if (level < 0) level = all.findLastIndex((weight) => weight > 0)
    const { taken } = state[level]!
    return {
      index: rowOf(level, taken),
      state: state.map((known, k) => (k === level ? { ...known, taken: taken + 1 } : known))
    }
  }

  const observe = (
    state: Adaptive,
    outcomes: ReadonlyArray<{ readonly level: number; readonly passRate: number }>
  ): Adaptive =>
    outcomes.reduce<Adaptive>(
      (known, outcome) =>
        known.map((one, k) => {
          if (k !== outcome.level) return one
          const measured = one.measured + 1
          return {
            ...one,
            measured,
            passRate: one.passRate + (outcome.passRate - one.passRate) * Math.max(renewal, 1 / measured)
          }
        }),
      state
    )

  return { start, draw, observe, weights }
}
