import { isEmojiCharacter } from "./Characters.ts"

/**
 * Whether a single code point is an emoji, as emoji 2.15.0's `is_emoji` says: Unicode's Emoji property without digits, "#",
 * "*" and the regional indicators, which are emoji only as parts of sequences.
 */
export const isEmoji = (point: number): boolean =>
  point > 0x7f && isEmojiCharacter(point) && !(point >= 0x1f1e6 && point <= 0x1f1ff)
