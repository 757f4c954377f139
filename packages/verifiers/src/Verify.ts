import { isBlank, strip } from "./text/Characters.ts"
import { type Prepared, VerifierError } from "./Verifier.ts"
import { verifiers } from "./Verifiers.ts"

/** An instruction: a verifier and its arguments, as in IFEval's `instruction_id_list` and `kwargs`. */
export interface Instruction {
  readonly id: string
  readonly kwargs?: unknown
}

/** Whether the instruction was followed, or why that cannot be decided. */
export type Verdict =
  | { readonly _tag: "Decided"; readonly followed: boolean }
  | { readonly _tag: "Undecided"; readonly reason: VerifierError }

const undecided = (reason: VerifierError): Verdict => ({ _tag: "Undecided", reason })

/** The verifier of an instruction with its arguments checked, or the error that says what is wrong with them. */
export const prepare = ({ id, kwargs }: Instruction): Prepared | VerifierError => {
  if (!Object.hasOwn(verifiers, id)) {
    return new VerifierError({
      id,
      kind: "UnknownVerifier",
      message: `no verifier "${id}": use an id of the table \`verifiers\``
    })
  }
  const prepared = verifiers[id]!.prepare(kwargs)
  if (!("issues" in prepared)) return prepared
  const details = prepared.issues.map(({ message, name }) => name === "" ? message : `${name}: ${message}`).join("; ")
  return new VerifierError({
    id,
    kind: "InvalidKwargs",
    message: `kwargs of "${id}" are invalid: ${details}`,
    issues: prepared.issues
  })
}

const decide = (
  instruction: Instruction,
  response: string,
  follows: (response: string, check: (response: string) => boolean) => boolean
): Verdict => {
  const prepared = prepare(instruction)
  if (prepared instanceof VerifierError) return undecided(prepared)
  if (typeof response !== "string") {
    return undecided(
      new VerifierError({ id: instruction.id, kind: "InvalidResponse", message: "the response is not a string" })
    )
  }
  return { _tag: "Decided", followed: follows(response, prepared.check) }
}

const strict = (response: string, check: (response: string) => boolean): boolean =>
  !isBlank(response) && check(response)

/**
 * The strict verdict: the response is not blank and follows the instruction.
 *
 * An unknown id, missing or ill-typed arguments give "Undecided" with the error; nothing is thrown.
 */
export const verify = (instruction: Instruction, response: string): Verdict => decide(instruction, response, strict)

/**
 * The eight variants that the loose verdict tries: the response as it is, without its first line, without its last, without
 * both, and each of these again without asterisks.
 */
export const looseVariants = (response: string): ReadonlyArray<string> => {
  const plain = [response, ...cuts(response)]
  return [...plain, ...plain.map((variant) => variant.replaceAll("*", ""))]
}

const cuts = (response: string): ReadonlyArray<string> => {
  const first = response.indexOf("\n")
  const last = response.lastIndexOf("\n")
  const pieces = first < 0 ? ["", "", ""] : [response.slice(first + 1), response.slice(0, last), response.slice(first + 1, Math.max(first + 1, last))]
  return pieces.map(strip)
}

/** The loose verdict: some variant of the response is not blank and follows the instruction. */
export const verifyLoose = (instruction: Instruction, response: string): Verdict =>
  decide(instruction, response, (text, check) => {
    // Most responses follow as they are, and most have no asterisks, so that half of the variants are the others again.
    if (strict(text, check)) return true
    const plain = cuts(text)
    return plain.some((variant) => strict(variant, check)) ||
      (text.includes("*") && [text, ...plain].some((variant) => strict(variant.replaceAll("*", ""), check)))
  })

/** The instruction in one English sentence, or the error that says what is wrong with it. */
export const describe = (instruction: Instruction): string | VerifierError => {
  const prepared = prepare(instruction)
  return prepared instanceof VerifierError ? prepared : prepared.description
}
