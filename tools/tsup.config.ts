import base from "../tsup.config.base.ts"

export default { ...base, entry: { peers: "peers/main.ts", ours: "peers/ours.ts", verifiers: "verifiers/main.ts", memory: "memory/main.ts", "memory-tasks": "memory/tasks.ts" } }
