/** The syntax tree of Hugging Face's parser, of which its package exports no types. */

interface Token {
  readonly value: string
}
export interface Name {
  readonly type: "Identifier"
  readonly value: string
}
export interface Call {
  readonly type: "CallExpression"
  readonly callee: Node
  readonly args: ReadonlyArray<Node>
}
interface Slice {
  readonly type: "SliceExpression"
  readonly start: Node | undefined
  readonly stop: Node | undefined
  readonly step: Node | undefined
}
interface NamedArgument {
  readonly type: "KeywordArgumentExpression"
  readonly key: Name
  readonly value: Node
}
interface Filtered {
  readonly type: "FilterExpression"
  readonly operand: Node
  readonly filter: Name | Call
}
interface For {
  readonly type: "For"
  readonly loopvar: Node
  readonly iterable: Node
  readonly body: Body
  readonly defaultBlock: Body
}
interface CallBlock {
  readonly type: "CallStatement"
  readonly call: Call
  readonly callerArgs: ReadonlyArray<Node> | null
  readonly body: Body
}
export type Body = ReadonlyArray<Node>

export type Node =
  | Name
  | Call
  | Slice
  | NamedArgument
  | Filtered
  | { readonly type: "Program"; readonly body: Body }
  | { readonly type: "If"; readonly test: Node; readonly body: Body; readonly alternate: Body }
  | For
  | { readonly type: "Break" | "Continue" | "Comment" }
  | { readonly type: "Set"; readonly assignee: Node; readonly value: Node | null; readonly body: Body }
  | { readonly type: "Macro"; readonly name: Name; readonly args: ReadonlyArray<Node>; readonly body: Body }
  | CallBlock
  | { readonly type: "FilterStatement"; readonly filter: Name | Call; readonly body: Body }
  | { readonly type: "MemberExpression"; readonly object: Node; readonly property: Node; readonly computed: boolean }
  | { readonly type: "IntegerLiteral" | "FloatLiteral"; readonly value: number }
  | { readonly type: "StringLiteral"; readonly value: string }
  | { readonly type: "ArrayLiteral" | "TupleLiteral"; readonly value: ReadonlyArray<Node> }
  | { readonly type: "ObjectLiteral"; readonly value: ReadonlyMap<Node, Node> }
  | { readonly type: "BinaryExpression"; readonly operator: Token; readonly left: Node; readonly right: Node }
  | { readonly type: "UnaryExpression"; readonly operator: Token; readonly argument: Node }
  | { readonly type: "SelectExpression"; readonly lhs: Node; readonly test: Node }
  | { readonly type: "TestExpression"; readonly operand: Node; readonly negate: boolean; readonly test: Name }
  | { readonly type: "Ternary"; readonly condition: Node; readonly trueExpr: Node; readonly falseExpr: Node }
  | { readonly type: "SpreadExpression" | "KeywordSpreadExpression"; readonly argument: Node }

export type Of<Type extends Node["type"], Any = Node> = Any extends { readonly type: infer Kind }
  ? Type extends Kind
    ? Any
    : never
  : never

/** Whether a name is read anywhere in a part of the tree. */
export const mentions = (part: unknown, name: string): boolean => {
  if (Array.isArray(part)) return part.some((item) => mentions(item, name))
  if (part instanceof Map) return [...part].some((entry) => mentions(entry, name))
  if (typeof part !== "object" || part === null) return false
  const node = part as Node
  if (node.type === "Identifier") return node.value === name
  return Object.values(node).some((field) => mentions(field, name))
}
