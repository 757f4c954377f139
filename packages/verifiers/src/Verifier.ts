import type { Issue, KwargsSchema } from "./Kwargs.ts"

/** A verifier whose arguments are checked by its own schema, so that verifiers of different arguments form one table. */
export interface AnyVerifier {
  readonly kwargs: KwargsSchema<unknown>
  readonly prepare: (kwargs: unknown) => Prepared | { readonly issues: ReadonlyArray<Issue> }
}

/** A verifier with its arguments. */
export interface Prepared {
  /** The arguments as the schema read them. */
  readonly kwargs: unknown
  readonly check: (response: string) => boolean
  readonly description: string
}

export type VerifierTable = { readonly [id: string]: AnyVerifier }

/** Makes a table entry. */
export const verifier = <K>(
  kwargs: KwargsSchema<K>,
  definition: { readonly describe: (kwargs: K) => string; readonly check: (response: string, kwargs: K) => boolean }
): AnyVerifier => ({
  kwargs,
  prepare: (input) => {
    const result = kwargs.read(input)
    if ("issues" in result) return result
    const { value } = result
    return {
      kwargs: value,
      check: (response) => definition.check(response, value),
      get description() {
        return definition.describe(value)
      }
    }
  }
})

/** Why there is no verdict. `id` is the verifier asked for; `issues` name the arguments at fault. */
export class VerifierError extends Error {
  readonly _tag = "VerifierError"
  readonly id: string
  readonly kind: "UnknownVerifier" | "InvalidKwargs" | "InvalidResponse" | "Undecidable"
  readonly issues: ReadonlyArray<Issue>

  constructor(options: {
    readonly id: string
    readonly kind: VerifierError["kind"]
    readonly message: string
    readonly issues?: ReadonlyArray<Issue>
  }) {
    super(options.message)
    this.name = "VerifierError"
    this.id = options.id
    this.kind = options.kind
    this.issues = options.issues ?? []
  }
}
