import type { Operator, OperatorTable } from "../Operator.ts"
import { attention, fusedAttention } from "./Attention.ts"
import { controlFlow } from "./ControlFlow.ts"
import { elementwise } from "./Elementwise.ts"
import { indexing } from "./Indexing.ts"
import { layout } from "./Layout.ts"
import { fusedNormalization, normalization } from "./Normalization.ts"
import { fusedProducts, products } from "./Product.ts"
import { random } from "./Random.ts"
import { reductions } from "./Reduction.ts"

/** Operators by domain. */
export const operators: Readonly<Record<string, OperatorTable>> = {
  "": {
    ...elementwise,
    ...products,
    ...reductions,
    ...layout,
    ...indexing,
    ...controlFlow,
    ...normalization,
    ...attention,
    ...random
  },
  "com.microsoft": { ...fusedProducts, ...fusedNormalization, ...fusedAttention }
}

/** Of two operators with one name, this form is meant where no domain is given: the ONNX one needs opset 23. */
const preferred: Readonly<Record<string, string>> = { RotaryEmbedding: "com.microsoft" }

export interface Found {
  readonly domain: string
  readonly operator: Operator
}

/** Looks an operator up in `domain`; without one, among the ONNX operators first. */
export const findOperator = (opType: string, domain?: string): Found | undefined => {
  const wanted = domain ?? preferred[opType]
  for (const candidate of wanted === undefined ? Object.keys(operators) : [wanted === "ai.onnx" ? "" : wanted]) {
    const operator = operators[candidate]?.[opType]
    if (operator !== undefined) return { domain: candidate, operator }
  }
  return undefined
}
