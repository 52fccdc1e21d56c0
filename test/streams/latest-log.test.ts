import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LatestLog } from '../../src/streams/latest-log.js';

/** What a reader makes of the entries after a version, at most `max` of them. */
function readInto(known: Map<string, number>, log: LatestLog<number>, version: number, max = Infinity): number {
  let to = version;
  let entry = log.after(version);
  for (let count = 0; entry && count < max; count++, entry = entry.newer) {
    expect(entry.version).toBeGreaterThan(to);
    to = entry.version;
    if (entry.isRemoved) known.delete(entry.key);
    else known.set(entry.key, entry.value);
  }
  return to;
}

type Step = { readonly kind: 'set' | 'remove'; readonly key: string } | { readonly kind: 'read'; readonly max: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('set' as const), key: fc.constantFrom(...'abcdef') }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), key: fc.constantFrom(...'abcdef') }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('read' as const), max: fc.nat(4) }) },
  ),
  { maxLength: 100 },
);

describe('LatestLog', () => {
  it('tells every reader the newest values, wherever it stopped reading', () => {
    fc.assert(
      fc.property(steps, (run) => {
        const log = new LatestLog<number>();
        const truth = new Map<string, number>();
        const reader = new Map<string, number>();
        let version = 0;
        for (const [index, step] of run.entries()) {
          if (step.kind === 'read') version = readInto(reader, log, version, step.max);
          else if (step.kind === 'set') {
            log.set(step.key, index);
            truth.set(step.key, index);
          } else {
            log.remove(step.key, index);
            truth.delete(step.key);
          }
        }
        expect(readInto(reader, log, version)).toBe(log.version);
        expect(reader).toEqual(truth);
        const late = new Map<string, number>();
        readInto(late, log, 0);
        expect(late).toEqual(truth);
        for (const key of 'abcdef') expect(log.get(key)).toBe(truth.get(key));
      }),
    );
  });

  it('tells a key once, however often it was set since', () => {
    const log = new LatestLog<number>();
    for (let value = 0; value < 1_000; value++) log.set('pointer', value);
    const known = new Map<string, number>();
    expect(readInto(known, log, 0, 1)).toBe(log.version);
    expect(known).toEqual(new Map([['pointer', 999]]));
  });

  it('remembers a thousand removals, and says from where on it knows all', () => {
    const log = new LatestLog<number>();
    for (let key = 0; key < 1_500; key++) log.set(`${key}`, key);
    const before = log.version;
    for (let key = 0; key < 1_500; key++) log.remove(`${key}`, key);
    expect(log.removedCount).toBe(1_000);
    expect(log.firstVersion).toBe(before + 500);
    expect(log.version).toBe(before + 1_500);
  });

  it('forgets what all have read, and goes on counting', () => {
    const log = new LatestLog<number>();
    log.set('a', 1);
    log.remove('a', 2);
    log.set('b', 3);
    log.remove('b', 4);
    log.forget(2);
    expect([log.removedCount, log.firstVersion]).toEqual([1, 2]);
    log.forget(log.version);
    expect([log.removedCount, log.firstVersion, log.version]).toEqual([0, 4, 4]);
    log.set('c', 5);
    expect(log.after(4)).toMatchObject({ key: 'c', version: 5 });
  });

  it('never counts backwards, also when the newest that happened is forgotten', () => {
    const log = new LatestLog<number>();
    log.set('stays', 1);
    log.set('goes', 2);
    log.remove('goes', 3);
    log.forget(log.version);
    expect(log.version).toBe(3);
    log.set('new', 4);
    expect(log.after(3)).toMatchObject({ key: 'new', version: 4 });
  });
});
