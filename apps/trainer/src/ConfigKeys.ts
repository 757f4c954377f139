// The keys of a config schema, read off the schema itself: for documentation, and to name the key that was meant.
import { Schema, SchemaAST } from "effect"
import { unitOf } from "./ConfigUnits.ts"

/** One field that a config file can set. */
export interface ConfigKey {
  /** Dotted path, `rollout.groupSize`. */
  readonly path: string
  readonly description: string
  /** What the value is counted in, or what it may be; undefined for a section. */
  readonly unit: string | undefined
}

const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const descriptionOf = (ast: SchemaAST.AST): string => SchemaAST.resolveDescription(ast) ?? ""

const walk = (ast: SchemaAST.AST, path: string): Array<ConfigKey & { readonly section: boolean }> =>
  SchemaAST.isObjects(ast)
    ? ast.propertySignatures.flatMap(({ name, type }) => {
      const key = { path: path === "" ? String(name) : `${path}.${String(name)}`, description: descriptionOf(type) }
      return SchemaAST.isObjects(type)
        ? [{ ...key, unit: undefined, section: true }, ...walk(type, key.path)]
        : [{ ...key, unit: unitOf(key.path, type), section: false }]
    })
    : []

/** Every section and field of `schema`, in the order of the schema. */
export const configKeys = (schema: Schema.Constraint) => walk(SchemaAST.toType(schema.ast), "")

/** Number of single-character edits from `a` to `b`. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}

const spelling = (path: string) => path.toLowerCase().replace(/[-_]/g, "")
const leaf = (path: string) => path.slice(path.lastIndexOf(".") + 1)

/** The known key nearest to `path` by its last part, then by the whole; undefined when none is near. */
export const nearestKey = (path: string, known: ReadonlyArray<string>): string | undefined => {
  const given = spelling(leaf(path))
  const ranked = known.map((key) => ({
    key,
    leaf: distance(given, spelling(leaf(key))),
    whole: distance(spelling(path), spelling(key))
  })).toSorted((a, b) => a.leaf - b.leaf || a.whole - b.whole)
  const best = ranked[0]
  return best !== undefined && best.leaf <= Math.max(1, Math.floor(given.length / 3)) ? best.key : undefined
}

/** Dotted paths of `value` that `schema` does not know, the outermost unknown key of each branch. */
export const unknownKeys = (schema: Schema.Constraint, value: unknown): ReadonlyArray<string> => {
  const known = configKeys(schema)
  const sections = new Set(known.filter((key) => key.section).map((key) => key.path))
  const fields = new Set(known.map((key) => key.path))
  const visit = (node: unknown, path: string): Array<string> =>
    isPlainObject(node)
      ? Object.entries(node).flatMap(([name, child]) => {
        const at = path === "" ? name : `${path}.${name}`
        return fields.has(at) ? (sections.has(at) ? visit(child, at) : []) : [at]
      })
      : []
  return visit(value, "")
}
