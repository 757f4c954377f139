import base from "../../tsup.config.base.ts"

export default { ...base, entry: ["src/index.ts", "src/main.ts"] }
