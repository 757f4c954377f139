/**
 * How far below the greatest a score or a logit may fall before it is raised: exp(-80) is 2e-35, nothing beside 1 in
 * float32, and no subnormal number, with which exp and all that follows take 10 times as long.
 */
export const negligible = 80
