import base from "../tsup.config.base.ts"

export default { ...base, entry: { peers: "peers/main.ts", ours: "peers/ours.ts" } }
