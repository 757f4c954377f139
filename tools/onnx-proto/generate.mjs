// Generates packages/onnx/src/onnx_pb.ts from the onnx.proto inside a pinned wheel of the `onnx` package on PyPI.
// Run: node tools/onnx-proto/generate.mjs          (needs python3 with pip, and npx)
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const onnx = {
  version: "1.23.2",
  wheel: "onnx-1.23.2-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
  wheelSha256: "c03ecf6b835d136108eeaeeafbd0026fc7b3cf98661409fbc6b63d5a29361348",
  protoSha256: "547214dd049486a4d5ecbae593e9c72d90b5e8d603944b722eff469e0b5a9cc9"
}
const buf = "@bufbuild/buf@1.75.0"
// The newest release that runs on Node 20; 2.14.0 asks for 22. Its output works with @bufbuild/protobuf 2.17.0.
const plugin = "@bufbuild/protoc-gen-es@2.13.0"

const target = fileURLToPath(new URL("../../packages/onnx/src/onnx_pb.ts", import.meta.url))
const work = mkdtempSync(join(tmpdir(), "onnx-proto-"))
const run = (command, ...args) => execFileSync(command, args, { cwd: work, stdio: ["ignore", "ignore", "inherit"] })

const check = (path, expected) => {
  const actual = createHash("sha256").update(readFileSync(path)).digest("hex")
  if (actual !== expected) throw new Error(`${path} has sha256 ${actual}, pinned is ${expected}`)
}

const header = `// Protobuf messages of ONNX, generated from onnx.proto of ONNX ${onnx.version} (https://github.com/onnx/onnx),
// Copyright (c) ONNX Project Contributors, Apache-2.0. Regenerate: node tools/onnx-proto/generate.mjs

`

try {
  run(
    "python3", "-m", "pip", "download", `onnx==${onnx.version}`, "--no-deps", "--only-binary=:all:", "--dest", ".",
    "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--platform", "manylinux_2_28_x86_64"
  )
  check(join(work, onnx.wheel), onnx.wheelSha256)
  run("python3", "-m", "zipfile", "-e", onnx.wheel, "wheel")
  const proto = join(work, "wheel", "onnx", "onnx.proto")
  check(proto, onnx.protoSha256)
  // buf reads every .proto below its folder, so the one that is wanted gets a folder of its own.
  run("mkdir", "proto")
  writeFileSync(join(work, "proto", "onnx.proto"), readFileSync(proto))
  writeFileSync(join(work, "buf.gen.yaml"), [
    "version: v2",
    "plugins:",
    "  - local: protoc-gen-es",
    "    out: out",
    "    opt: [target=ts, import_extension=ts, erasable_syntax=true]",
    ""
  ].join("\n"))
  run("npx", "--yes", "--package", buf, "--package", plugin, "buf", "generate", "proto")
  writeFileSync(target, header + readFileSync(join(work, "out", "onnx_pb.ts"), "utf8"))
} finally {
  rmSync(work, { recursive: true, force: true })
}
