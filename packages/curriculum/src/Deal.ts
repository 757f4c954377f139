import { random } from "./Random.ts"

/** `count` of the given items in shuffled order, each once before any comes again. */
export const deal = <A>(items: ReadonlyArray<A>, count: number, ...key: ReadonlyArray<number | string>): Array<A> => {
  const rounds = Array.from({ length: Math.ceil(count / items.length) }, (_, round) => random(...key, round).shuffle(items))
  return rounds.flat().slice(0, count)
}
