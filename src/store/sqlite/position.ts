/** Offsets a topic can give out. */
export const MAX_OFFSET = 2 ** 40 - 1;
/** Topics a store can know over its life. */
export const MAX_TOPICS = 2 ** 23 - 1;

/** The key of the segment of a topic that ends with `lastOffset`; see schema.ts. Beyond 2^53, hence a bigint. */
export function segmentPosition(topicId: number, lastOffset: number): bigint {
  return (BigInt(topicId) << 40n) + BigInt(lastOffset);
}
