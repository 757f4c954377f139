// Every public package as a stranger gets it: packed, held against publint and attw, installed alone into an empty
// project (only the @ifrl packages it depends on beside it, as tarballs too), imported, and its README example type-checked.
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core"
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals"
import { execFile } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { publint } from "publint"
import { formatMessage } from "publint/utils"

interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly bin?: Record<string, string>
  readonly dependencies?: Record<string, string>
  readonly devDependencies?: Record<string, string>
}

const root = fileURLToPath(new URL("../..", import.meta.url))
const exec = promisify(execFile)
const run = (file: string, args: ReadonlyArray<string>, cwd: string) =>
  exec(file, args, { cwd, maxBuffer: 1 << 26 }).then(
    ({ stdout }) => stdout,
    (error: { message: string; stdout: string; stderr: string }) => {
      throw new Error(`${error.message}\n${error.stdout}\n${error.stderr}`)
    }
  )

const packages = ["packages", "apps"].flatMap((parent) => readdirSync(join(root, parent)).map((name) => join(root, parent, name)))
  .filter((directory) => existsSync(join(directory, "package.json")))
  .map((directory) => {
    const manifest: Manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"))
    return { directory, manifest, name: manifest.name }
  })
  .filter(({ manifest }) => manifest.private !== true)
const byName = new Map(packages.map((each) => [each.name, each]))

/** `name` and every workspace package that an installation of it needs. */
const closure = (name: string, seen = new Set<string>()): ReadonlySet<string> => {
  const found = byName.get(name)
  if (found === undefined || seen.has(name)) return seen
  seen.add(name)
  for (const dependency of Object.keys(found.manifest.dependencies ?? {})) closure(dependency, seen)
  return seen
}

/** The first TypeScript block of a README. */
const example = (readme: string) => /^```ts\n([\s\S]*?)^```/m.exec(readme)?.[1]

const consumerTsconfig = {
  compilerOptions: {
    module: "NodeNext",
    target: "ES2022",
    lib: ["ES2023"],
    types: ["node"],
    typeRoots: [join(root, "node_modules/@types")],
    strict: true,
    skipLibCheck: true,
    noEmit: true
  },
  files: ["example.ts"]
}

let scratch = ""
const tarballs = new Map<string, string>()

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "ifrl-publish-"))
  const workspaces = packages.flatMap(({ name }) => ["--workspace", name])
  const packed = JSON.parse(
    await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", scratch, ...workspaces], root)
  ) as Array<{ name: string; filename: string }>
  for (const { filename, name } of packed) tarballs.set(name, join(scratch, filename))
})

afterAll(() => rm(scratch, { recursive: true, force: true }))

test("the workspace has public packages, and all of them were packed", () => {
  expect(packages.length).toBeGreaterThanOrEqual(12)
  expect([...tarballs.keys()].toSorted()).toEqual(packages.map(({ name }) => name).toSorted())
})

describe.each(packages)("$name", ({ directory, manifest, name }) => {
  test("is clean for publint", async () => {
    const tarball = await readFile(tarballs.get(name)!)
    const { messages, pkg } = await publint({
      strict: true,
      pack: { tarball: tarball.buffer.slice(tarball.byteOffset, tarball.byteOffset + tarball.byteLength) }
    })
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([])
  })

  test("is clean for attw", async () => {
    const result = await checkPackage(createPackageFromTarballData(new Uint8Array(await readFile(tarballs.get(name)!))))
    if (!result.types) throw new Error(`${name} has no types`)
    // ES modules only, on Node 20.19 and newer: the CommonJS and node10 resolutions are not promised.
    const promised = result.problems.filter((problem) =>
      !("resolutionKind" in problem) || problem.resolutionKind === "node16-esm" || problem.resolutionKind === "bundler"
    )
    expect(promised).toEqual([])
  })

  test("carries its licence, README, sources and builds, and no tests", async () => {
    const files = (await run("tar", ["-tzf", tarballs.get(name)!], scratch)).trim().split("\n")
    expect(files).toEqual(expect.arrayContaining([
      "package/LICENSE", "package/NOTICE", "package/README.md", "package/dist/index.js", "package/dist/index.d.ts",
      "package/src/index.ts"
    ]))
    expect(files.filter((file) => /^package\/(test|node_modules|tsconfig)/.test(file))).toEqual([])
  })

  test("installs alone, can be imported, and its README example type-checks", async () => {
    const readme = await readFile(join(directory, "README.md"), "utf8")
    const code = example(readme)
    if (code === undefined) throw new Error(`${name}/README.md has no \`\`\`ts example`)
    const line = new RegExp(`^npm install ${name}(( [^\\s]+)*)$`, "m").exec(readme)
    if (line === null) throw new Error(`${name}/README.md does not say npm install ${name}`)
    // What the line names besides comes from the registry, in the version that this workspace is tested with.
    const others = line[1]!.trim().split(" ").filter((other) => other !== "" && !byName.has(other))
    const versions = others.map((other) => `${other}@${manifest.devDependencies?.[other] ?? manifest.dependencies?.[other] ?? "latest"}`)

    const project = join(scratch, `consumer-${name.replace("/", "-")}`)
    await mkdir(project)
    try {
      await writeFile(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }))
      const install = ["install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--no-package-lock"]
      await run("npm", [...install, ...[...closure(name)].map((each) => tarballs.get(each)!), ...versions], project)

      const script = `console.log(JSON.stringify(Object.keys(await import(${JSON.stringify(name)}))))`
      const exported = JSON.parse(await run(process.execPath, ["--input-type=module", "--eval", script], project))
      expect(exported.length).toBeGreaterThan(0)
      for (const command of Object.keys(manifest.bin ?? {})) {
        const version = await run(join(project, "node_modules/.bin", command), ["--version"], project)
        expect(version).toContain(manifest.version)
      }

      await writeFile(join(project, "example.ts"), code)
      await writeFile(join(project, "tsconfig.json"), JSON.stringify(consumerTsconfig))
      await run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "."], project)
    } finally {
      await rm(project, { recursive: true, force: true })
    }
  }, 180_000)
})
