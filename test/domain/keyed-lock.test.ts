import { describe, expect, it } from '@jest/globals';
import { createKeyedLock } from '../../src/domain/keyed-lock.js';

const never = new AbortController().signal;

/** Work that ends when it is told to. */
function gate() {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

describe('a keyed lock', () => {
  it('lets calls with one key in one at a time, in their order, whatever becomes of them', async () => {
    const lock = createKeyedLock();
    const seen: string[] = [];
    const work = (name: string) => async () => {
      seen.push(`${name} begins`);
      await Promise.resolve();
      seen.push(`${name} ends`);
      if (name === 'b') throw new Error('b fails');
      return name;
    };
    const calls = ['a', 'b', 'c'].map((name) => lock.run('key', never, work(name)));
    expect(await Promise.allSettled(calls)).toMatchObject([
      { value: 'a' },
      { reason: { message: 'b fails' } },
      { value: 'c' },
    ]);
    expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  it('does not let keys wait for each other', async () => {
    const lock = createKeyedLock();
    const { opened, open } = gate();
    const first = lock.run('a', never, () => opened);
    await lock.run('b', never, () => Promise.resolve());
    open();
    await first;
  });

  it('turns away at once who stops waiting, never does that work, and lets the next one in', async () => {
    const lock = createKeyedLock();
    const { opened, open } = gate();
    const aborter = new AbortController();
    const seen: string[] = [];
    const work = (name: string) => async () => void seen.push(name);
    const first = lock.run('key', never, () => opened);
    const second = lock.run('key', aborter.signal, work('second'));
    const third = lock.run('key', never, work('third'));
    aborter.abort();
    await expect(second).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen).toEqual([]);
    open();
    await Promise.all([first, third]);
    expect(seen).toEqual(['third']);
  });
});
