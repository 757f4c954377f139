import type { Operator, OperatorTable } from "../Operator.ts"
import { elementwise } from "./Elementwise.ts"
import { layout } from "./Layout.ts"
import { fusedProducts, products } from "./Product.ts"
import { reductions } from "./Reduction.ts"

/** Operators by domain. An operator without an explicit domain is looked up in this order. */
export const operators: Readonly<Record<string, OperatorTable>> = {
  "": { ...elementwise, ...products, ...reductions, ...layout },
  "com.microsoft": { ...fusedProducts }
}

export interface Found {
  readonly domain: string
  readonly operator: Operator
}

/** Looks an operator up in `domain`, or in all of them. */
export const findOperator = (opType: string, domain?: string): Found | undefined => {
  for (const candidate of domain === undefined ? Object.keys(operators) : [domain === "ai.onnx" ? "" : domain]) {
    const operator = operators[candidate]?.[opType]
    if (operator !== undefined) return { domain: candidate, operator }
  }
  return undefined
}
