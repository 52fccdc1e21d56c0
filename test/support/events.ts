import fc from 'fast-check';
import { type Chunk, brokenUtf8, joined, lenField, unknownChunks, varintField, withLongTag } from './wire-chunks.js';

/** Largest payload of the events below that is within the limit. */
export const MAX_PAYLOAD = 100;

/** Texts around a limit in characters, some of whose characters take several bytes and UTF-16 units. */
function textAround(max: number): fc.Arbitrary<string> {
  const length = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 4 }) },
    { weight: 4, arbitrary: fc.constant(max) },
    { weight: 1, arbitrary: fc.constantFrom(0, max - 1, max + 1, max + 2) },
  );
  return fc.tuple(length, fc.constantFrom('a', 'é', '€', '😀', '\u0000')).map(([count, char]) => char.repeat(count));
}

const field = (number: number, values: fc.Arbitrary<Uint8Array | string>) =>
  values.map((value) => lenField(number, value));

const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(0n, 253_402_300_799n, 253_402_300_800n, -62_135_596_800n, -62_135_596_801n),
);
const int32 = fc.constantFrom(0n, 1n, 999_999_999n, 1_000_000_000n, -1n, 2n ** 31n - 1n, 2n ** 40n + 5n);
const timeParts = fc.oneof(
  { weight: 4, arbitrary: int64.map((value) => varintField(1, value)) },
  { weight: 4, arbitrary: int32.map((value) => varintField(2, value)) },
  { weight: 1, arbitrary: fc.oneof(unknownChunks, fc.constant(lenField(1, 'a')), fc.constant(Uint8Array.of(0x0c))) },
);
const plainTime = fc.record({ seconds: fc.integer({ min: 0, max: 4e9 }), nanos: fc.nat(999_999_999) });
const times = fc.oneof(
  {
    weight: 6,
    arbitrary: plainTime.map(({ seconds, nanos }) =>
      joined([varintField(1, BigInt(seconds)), varintField(2, BigInt(nanos))]),
    ),
  },
  { weight: 1, arbitrary: fc.array(timeParts, { maxLength: 3 }).map(joined) },
);

const keys = fc.oneof(
  { weight: 80, arbitrary: fc.stringMatching(/^[a-z0-9_.-]{1,64}$/) },
  { weight: 1, arbitrary: fc.constantFrom('', 'A', 'a b', 'é', 'k'.repeat(64), 'k'.repeat(65), 'a\n') },
);
const values = fc.oneof(
  { weight: 60, arbitrary: fc.string({ unit: 'grapheme', maxLength: 8 }) },
  { weight: 1, arbitrary: textAround(1024) },
);
const plainPair = fc.tuple(keys, values).map(([key, value]) => joined([lenField(1, key), lenField(2, value)]));
const pairParts = fc.oneof(
  field(1, keys),
  field(2, values),
  field(1, brokenUtf8),
  field(2, brokenUtf8),
  unknownChunks,
  fc.constantFrom(varintField(1, 1n), Uint8Array.of(0x0b, 0x0c)),
);
const pairs = fc.oneof(
  { weight: 60, arbitrary: plainPair },
  { weight: 1, arbitrary: fc.array(pairParts, { maxLength: 3 }).map(joined) },
);

const payload = fc.oneof(
  fc.constantFrom('', 'p'.repeat(MAX_PAYLOAD)),
  fc.constantFrom('€'.repeat(MAX_PAYLOAD / 4), 'p'.repeat(MAX_PAYLOAD + 1), '€'.repeat(MAX_PAYLOAD / 2)),
);

/** By number, from what is usual to what is at a limit; most are within it. */
const stringFields: readonly (readonly [number, number])[] = [
  [1, 128],
  [2, 128],
  [3, 256],
  [5, 128],
  [9, 256],
];
const proper: readonly fc.Arbitrary<Chunk>[] = [
  ...stringFields.map(([number, max]) => field(number, textAround(max))),
  field(4, times),
  field(6, payload),
  field(7, payload),
  field(8, pairs),
];
const improper = fc.oneof(
  ...[1, 2, 3, 5, 7, 9].map((number) => field(number, brokenUtf8)),
  fc.integer({ min: 1, max: 9 }).map((number) => varintField(number, 300n)),
  fc.integer({ min: 1, max: 9 }).map((number) => Uint8Array.of((number << 3) | 3, (number << 3) | 4)),
  fc.constantFrom(Uint8Array.of(0), Uint8Array.of(0x0c), Uint8Array.of(0x12)),
  field(100, fc.constantFrom(new Uint8Array(65_000), new Uint8Array(66_000))),
  unknownChunks,
);

/** One field each, in order: what encoders make. */
const plain: fc.Arbitrary<Chunk[]> = fc
  .tuple(
    fc.subarray([0, 1, 2, 3, 4, 5]),
    fc.tuple(...proper.slice(0, 6)),
    fc.option(fc.oneof(field(6, payload), field(7, payload)), { nil: undefined }),
    fc.oneof(
      { weight: 4, arbitrary: fc.array(field(8, pairs), { maxLength: 4 }) },
      { weight: 1, arbitrary: fc.array(field(8, pairs), { minLength: 28, maxLength: 40, size: 'max' }) },
    ),
    fc.constantFrom(true, true, true, false),
  )
  .map(([kept, fields, body, attributes, hasType]) => [
    ...fields.filter((_, index) => kept.includes(index)),
    ...(hasType && !kept.includes(1) ? [lenField(2, 'order.created')] : []),
    ...(body ? [body] : []),
    ...attributes,
  ]);

/** Fields in any order, any number of times, with what is legal but unusual. */
const unusual: fc.Arbitrary<Chunk[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.oneof(...proper) },
    { weight: 1, arbitrary: fc.oneof(...proper).map((chunk) => withLongTag(chunk, 2)) },
    { weight: 2, arbitrary: unknownChunks },
  ),
  { maxLength: 8 },
);

/** Fields among which some cannot be right. */
const wrong: fc.Arbitrary<Chunk[]> = fc
  .tuple(plain, improper, fc.nat())
  .map(([chunks, bad, at]) => chunks.toSpliced(at % (chunks.length + 1), 0, bad));

const shuffled = (chunks: fc.Arbitrary<Chunk[]>) =>
  chunks.chain((list) => fc.shuffledSubarray(list, { minLength: list.length }));

/** Encoded events of every sort: usual, unusual, against a rule, and no events at all. */
export const encodedEvents: fc.Arbitrary<Uint8Array> = fc
  .oneof({ weight: 3, arbitrary: plain }, shuffled(plain), unusual, wrong)
  .map((chunks) => joined(chunks));
