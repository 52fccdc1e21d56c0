import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Event } from '../../../gen/leat/v1/event.js';
import { createAssembly, splitIntoParts, type PartMessage } from '../../../src/client/yjs/parts.js';

let offsets = 0n;

/** Messages as they would come back from a room. */
function messagesOf(bytes: Uint8Array, group: string, maxBytes = 10, seconds = 0n, instead?: string): PartMessage[] {
  return splitIntoParts('yjs.update', bytes, { maxBytes, group, instead }).map((input) => ({
    offset: ++offsets,
    author: 'ann',
    commitTime: { seconds, nanos: 0 },
    event: Event.fromPartial(input as Parameters<typeof Event.fromPartial>[0]),
  }));
}

const bytesOf = (length: number) => Uint8Array.from({ length }, (_none, index) => index);

describe('the parts of an update', () => {
  it('are put together in whatever order they come, and whatever comes in between', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }),
        fc.infiniteStream(fc.nat()),
        (all, random) => {
          const messages = all.flatMap((bytes, index) => messagesOf(bytes, `${index}`));
          const shuffled = messages
            .map((message) => ({ message, at: random.next().value as number }))
            .sort((a, b) => a.at - b.at)
            .map(({ message }) => message);
          const assembly = createAssembly();
          const whole = shuffled.flatMap((message) => assembly.add(message) ?? []);
          const sorted = (list: readonly Uint8Array[]) =>
            list.map((bytes) => Buffer.from(bytes).toString('hex')).sort();
          expect(sorted(whole.map(({ bytes }) => bytes))).toEqual(sorted(all));
          expect(assembly.firstOpen).toBeUndefined();
        },
      ),
    );
  });

  it('hold the place of the first that is not whole', () => {
    const assembly = createAssembly();
    const [first, second] = [messagesOf(bytesOf(25), 'a'), messagesOf(bytesOf(15), 'b')];
    for (const message of [first[0], second[0], first[2]]) if (message) assembly.add(message);
    expect(assembly.firstOpen).toBe(first[0]?.offset);
    if (first[1]) expect(assembly.add(first[1])?.bytes).toEqual(Buffer.from(bytesOf(25)));
    expect(assembly.firstOpen).toBe(second[0]?.offset);
  });

  it('are given up when the writer has not gone on for ten minutes', () => {
    const assembly = createAssembly();
    const [orphan] = messagesOf(bytesOf(25), 'orphan');
    if (orphan) assembly.add(orphan);
    const later = (seconds: bigint) =>
      messagesOf(bytesOf(5), 'whole', 10, seconds).forEach((each) => assembly.add(each));
    later(600n);
    expect(assembly.firstOpen).toBe(orphan?.offset);
    later(601n);
    expect(assembly.firstOpen).toBeUndefined();
  });

  it('hold the place no longer when the writer has begun again with others', () => {
    const assembly = createAssembly();
    const [first] = messagesOf(bytesOf(25), 'too large');
    if (first) assembly.add(first);
    expect(assembly.firstOpen).toBe(first?.offset);
    const whole = messagesOf(bytesOf(25), 'smaller', 5, 0n, 'too large').flatMap((part) => assembly.add(part) ?? []);
    expect(whole.map(({ bytes }) => bytes)).toEqual([Buffer.from(bytesOf(25))]);
    expect(assembly.firstOpen).toBeUndefined();
  });
});
