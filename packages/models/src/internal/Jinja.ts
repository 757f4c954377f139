/**
 * Evaluates templates on the syntax tree of Hugging Face's parser with Python's values: scopes, loops, macros,
 * operators and what is printed are those of Jinja2 3.1 in the sandbox that transformers renders chat templates in.
 * What is not known here refuses the template by name.
 */
import { runFilter, runTest } from "./JinjaFilters.ts"
import { setField } from "./JinjaFunctions.ts"
import { attribute, iterate, slice, subscript } from "./JinjaMember.ts"
import { operators, signed } from "./JinjaOperators.ts"
import { type Body, type Call, mentions, type Name, type Node, type Of } from "./JinjaSyntax.ts"
import { type Callable, Namespace, real, text, truth, tuple, typeName, Undefined, type Value } from "./PythonValue.ts"

// -------------------- scopes --------------------

/** Names of a block, and behind them those of the blocks around it. */
export class Scope {
  readonly names = new Map<string, Value>()
  readonly outer: Scope | undefined
  constructor(outer?: Scope) {
    this.outer = outer
  }
  find(name: string): Value {
    const value = this.names.get(name)
    if (value !== undefined) return value
    return this.outer === undefined ? new Undefined(`'${name}' is undefined`) : this.outer.find(name)
  }
}

const constants: ReadonlyMap<string, Value> = new Map<string, Value>([
  ["true", true],
  ["True", true],
  ["false", false],
  ["False", false],
  ["none", null],
  ["None", null]
])

// -------------------- evaluation --------------------

interface Arguments {
  readonly args: Array<Value>
  readonly named: Map<string, Value>
}

const argumentsOf = (nodes: ReadonlyArray<Node>, scope: Scope): Arguments => {
  const args: Array<Value> = []
  const named = new Map<string, Value>()
  const name = (key: string, value: Value) => {
    if (named.has(key)) throw new TypeError(`got multiple values for keyword argument '${key}'`)
    named.set(key, value)
  }
  for (const node of nodes) {
    if (node.type === "SpreadExpression") args.push(...iterate(evaluate(node.argument, scope)))
    else if (node.type === "KeywordArgumentExpression") name(node.key.value, evaluate(node.value, scope))
    else if (node.type === "KeywordSpreadExpression") {
      const more = evaluate(node.argument, scope)
      if (!(more instanceof Map)) throw new TypeError(`argument after ** must be a mapping, not ${typeName(more)}`)
      for (const [key, value] of more) name(text(key), value)
    } else args.push(evaluate(node, scope))
  }
  return { args, named }
}

/** Binds a value to a name, or its items to names. */
const bind = (target: Node, value: Value, scope: Scope): void => {
  if (target.type === "Identifier") scope.names.set(target.value, value)
  else if (target.type === "TupleLiteral") {
    const items = iterate(value)
    if (items.length !== target.value.length) {
      throw new RangeError(`${items.length} values can't be unpacked to ${target.value.length} names`)
    }
    for (const [i, name] of target.value.entries()) bind(name, items[i]!, scope)
  } else if (target.type === "MemberExpression" && !target.computed && target.property.type === "Identifier") {
    const object = evaluate(target.object, scope)
    if (!(object instanceof Namespace)) throw new TypeError("cannot assign attribute on non-namespace object")
    setField(object, target.property.value, value)
  } else throw new SyntaxError(`nothing can be assigned to a ${target.type}`)
}

/** A macro, or the body of a call block, which takes arguments in the same way. */
const macro = (label: string, parameters: ReadonlyArray<Node>, body: Body, outer: Scope): Callable => {
  const names = parameters.map((node) => (node.type === "KeywordArgumentExpression" ? node.key : (node as Name)).value)
  const [rest, others] = ["varargs", "kwargs"].map((name) => !names.includes(name) && mentions(body, name))
  return (args, named) => {
    const scope = new Scope(outer)
    const left = new Map(named)
    for (const [i, node] of parameters.entries()) {
      const name = names[i]!
      const given = i < args.length ? args[i]! : left.get(name)
      if (given !== undefined) {
        if (i >= args.length) left.delete(name)
        scope.names.set(name, given)
      } else if (node.type === "KeywordArgumentExpression") scope.names.set(name, evaluate(node.value, scope))
      else scope.names.set(name, new Undefined(`parameter '${name}' was not provided`))
    }
    const caller = left.get("caller")
    if (caller !== undefined) scope.names.set("caller", caller)
    left.delete("caller")
    if (rest === true) scope.names.set("varargs", tuple(...args.slice(names.length)))
    else if (args.length > names.length) throw new TypeError(`${label} takes not more than ${names.length} argument(s)`)
    if (others === true) scope.names.set("kwargs", new Map(left))
    else if (left.size > 0) throw new TypeError(`${label} takes no keyword argument '${[...left.keys()][0]}'`)
    return block(body, scope)
  }
}

const call = (callee: Value, { args, named }: Arguments): Value => {
  if (typeof callee === "function") return callee(args, named)
  if (callee instanceof Undefined) throw new Error(callee.message)
  throw new TypeError(`'${typeName(callee)}' object is not callable`)
}

const applyFilter = (value: Value, filter: Name | Call, scope: Scope): Value => {
  if (filter.type === "Identifier") return runFilter(filter.value, value, [], new Map())
  const { args, named } = argumentsOf(filter.args, scope)
  return runFilter((filter.callee as Name).value, value, args, named)
}

const loopOf = (items: ReadonlyArray<Value>, at: number): Namespace => {
  const beside = (i: number): Value => {
    const item = items[i]
    return item === undefined ? new Undefined("the loop has no item there") : item
  }
  const fields: Readonly<Record<string, Value>> = {
    index: at + 1,
    index0: at,
    revindex: items.length - at,
    revindex0: items.length - at - 1,
    first: at === 0,
    last: at === items.length - 1,
    length: items.length,
    depth: 1,
    depth0: 0,
    previtem: beside(at - 1),
    nextitem: beside(at + 1),
    cycle: (args) => subscript([...args], at % args.length)
  }
  const loop = new Namespace()
  for (const [name, value] of Object.entries(fields)) loop.fields.set(name, value)
  return loop
}

type Flow = "break" | "continue" | undefined
type Statement<Type extends Node["type"]> = (node: Of<Type>, scope: Scope, output: Array<string>) => Flow

const runFor: Statement<"For"> = (node, scope, output) => {
  const filtered = node.iterable.type === "SelectExpression" ? node.iterable : undefined
  // Each turn begins with the names around the loop: what an earlier one set is gone.
  const scopeOf = (item: Value) => {
    const inner = new Scope(scope)
    bind(node.loopvar, item, inner)
    return inner
  }
  const all = iterate(evaluate(filtered?.lhs ?? node.iterable, scope))
  const items = filtered === undefined ? all : all.filter((item) => truth(evaluate(filtered.test, scopeOf(item))))
  // As Jinja compiles it, `else` also follows a loop of which no turn came to its end.
  let ended = false
  for (const [at, item] of items.entries()) {
    const inner = scopeOf(item)
    inner.names.set("loop", loopOf(items, at))
    const flow = runAll(node.body, inner, output)
    if (flow === "break") break
    ended ||= flow === undefined
  }
  return ended ? undefined : runAll(node.defaultBlock, new Scope(scope), output)
}

const runSet: Statement<"Set"> = (node, scope) => {
  if (node.value !== null) bind(node.assignee, evaluate(node.value, scope), scope)
  else {
    const filters: Array<Name | Call> = []
    let target = node.assignee
    for (; target.type === "FilterExpression"; target = target.operand) filters.unshift(target.filter)
    const written: Value = block(node.body, new Scope(scope))
    bind(target, filters.reduce<Value>((value, filter) => applyFilter(value, filter, scope), written), scope)
  }
  return undefined
}

/** Statements; all other nodes are expressions, whose value is printed. */
const statements: { readonly [Type in Node["type"]]?: Statement<Type> } = {
  Program: (node, scope, output) => runAll(node.body, scope, output),
  If: (node, scope, output) => runAll(truth(evaluate(node.test, scope)) ? node.body : node.alternate, scope, output),
  For: runFor,
  Break: () => "break",
  Continue: () => "continue",
  Comment: () => undefined,
  Set: runSet,
  Macro: (node, scope) => {
    const { args, body, name } = node
    scope.names.set(name.value, macro(`macro '${name.value}'`, args, body, scope))
    return undefined
  },
  CallStatement: (node, scope, output) => {
    const given = argumentsOf(node.call.args, scope)
    given.named.set("caller", macro("caller", node.callerArgs ?? [], node.body, scope))
    output.push(text(call(evaluate(node.call.callee, scope), given)))
    return undefined
  },
  FilterStatement: (node, scope, output) => {
    output.push(text(applyFilter(block(node.body, new Scope(scope)), node.filter, scope)))
    return undefined
  }
}

const runAll = (body: Body, scope: Scope, output: Array<string>): Flow => {
  for (const node of body) {
    const statement = statements[node.type] as Statement<Node["type"]> | undefined
    if (statement === undefined) output.push(text(evaluate(node, scope)))
    else {
      const flow = statement(node, scope, output)
      if (flow !== undefined) return flow
    }
  }
  return undefined
}

/** What a body prints. */
const block = (body: Body, scope: Scope): string => {
  const output: Array<string> = []
  runAll(body, scope, output)
  return output.join("")
}

const expressions: { readonly [Type in Node["type"]]?: (node: Of<Type>, scope: Scope) => Value } = {
  IntegerLiteral: (node) => node.value,
  FloatLiteral: (node) => real(node.value),
  StringLiteral: (node) => node.value,
  ArrayLiteral: (node, scope) => node.value.map((item) => evaluate(item, scope)),
  TupleLiteral: (node, scope) => tuple(...node.value.map((item) => evaluate(item, scope))),
  ObjectLiteral: (node, scope) =>
    new Map(Array.from(node.value, ([key, item]) => [evaluate(key, scope), evaluate(item, scope)])),
  Identifier: (node, scope) => constants.get(node.value) ?? (constants.has(node.value) ? null : scope.find(node.value)),
  CallExpression: (node, scope) => call(evaluate(node.callee, scope), argumentsOf(node.args, scope)),
  MemberExpression: (node, scope) => {
    const object = evaluate(node.object, scope)
    const { property } = node
    if (property.type === "SliceExpression") {
      const bounds = [property.start, property.stop, property.step]
      return slice(object, bounds.map((bound) => (bound === undefined ? null : evaluate(bound, scope))))
    }
    if (!node.computed && property.type === "Identifier") return attribute(object, property.value)
    return subscript(object, evaluate(property, scope))
  },
  BinaryExpression: (node, scope) => {
    const left = evaluate(node.left, scope)
    const operator = node.operator.value
    if (operator === "and") return truth(left) ? evaluate(node.right, scope) : left
    if (operator === "or") return truth(left) ? left : evaluate(node.right, scope)
    const compute = operators[operator]
    if (compute === undefined) throw new SyntaxError(`there is no operator ${operator}`)
    return compute(left, evaluate(node.right, scope))
  },
  UnaryExpression: (node, scope) => {
    const value = evaluate(node.argument, scope)
    return node.operator.value === "not" ? !truth(value) : signed(node.operator.value, value)
  },
  FilterExpression: (node, scope) => applyFilter(evaluate(node.operand, scope), node.filter, scope),
  TestExpression: (node, scope) => runTest(node.test.value, evaluate(node.operand, scope), []) !== node.negate,
  Ternary: (node, scope) => evaluate(truth(evaluate(node.condition, scope)) ? node.trueExpr : node.falseExpr, scope),
  SelectExpression: (node, scope) =>
    truth(evaluate(node.test, scope))
      ? evaluate(node.lhs, scope)
      : new Undefined("the inline if-expression evaluated to false and no else section was defined")
}

const evaluate = (node: Node, scope: Scope): Value => {
  const expression = expressions[node.type] as ((node: Node, scope: Scope) => Value) | undefined
  if (expression === undefined) throw new SyntaxError(`a ${node.type} has no value`)
  return expression(node, scope)
}

/** What a template prints with the names of a scope. */
export const render = (program: Node, scope: Scope): string => block([program], scope)
