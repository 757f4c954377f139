import { collie } from "./Collie.ts"
import { followbench } from "./Followbench.ts"
import { ifbench } from "./Ifbench.ts"
import { ifeval } from "./Ifeval.ts"
import type { Suite } from "./Suite.ts"

/** Every benchmark by name. */
export const suites = { ifeval, ifbench, followbench, collie } satisfies Readonly<Record<string, Suite>>
export type SuiteName = keyof typeof suites
