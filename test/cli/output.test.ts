import { describe, expect, it } from '@jest/globals';
import { Writable } from 'node:stream';
import { createOutput } from '../../src/cli/output.js';

function listeners(stream: Writable): number {
  return (['drain', 'error', 'close'] as const).reduce((sum, event) => sum + stream.listenerCount(event), 0);
}

/** A stream that is full after the first write, until its reader is ready. */
function slow() {
  const waiting: (() => void)[] = [];
  const write = (_chunk: unknown, _encoding: unknown, done: () => void) => void waiting.push(done);
  const stream = new Writable({ write, highWaterMark: 1 });
  return { stream, ready: () => waiting.shift()?.() };
}

/** A stream whose first write fails. */
function failing(code: string): Writable {
  const write = (_chunk: unknown, _encoding: unknown, done: (error: Error) => void) =>
    setImmediate(done, Object.assign(new Error(`write ${code}`), { code }));
  return new Writable({ write, highWaterMark: 1 });
}

const noone = () => undefined;

describe('createOutput', () => {
  it('waits while its reader is slow, and leaves no listener behind', async () => {
    const { stream, ready } = slow();
    const output = createOutput(stream, noone);
    const before = listeners(stream);
    let written = false;
    const write = output.write('abc').then(() => (written = true));
    await new Promise(setImmediate);
    expect(written).toBe(false);
    ready();
    await write;
    expect(listeners(stream)).toBe(before);
  });

  it('stops waiting when it is interrupted', async () => {
    const { stream } = slow();
    const output = createOutput(stream, noone);
    const before = listeners(stream);
    const interrupt = new AbortController();
    const write = output.write('abc', interrupt.signal);
    interrupt.abort();
    await expect(write).rejects.toMatchObject({ name: 'AbortError' });
    await expect(output.write('more', interrupt.signal)).rejects.toMatchObject({ name: 'AbortError' });
    expect(listeners(stream)).toBe(before);
  });

  it('tells once that its reader went away, and takes what comes after in silence', async () => {
    let told = 0;
    const output = createOutput(failing('EPIPE'), () => (told += 1));
    await output.write('abc');
    await output.write('def');
    expect(told).toBe(1);
  });

  it('reports a stream that fails for another reason', async () => {
    const output = createOutput(failing('ENOSPC'), noone);
    await expect(output.write('abc')).rejects.toMatchObject({ code: 'ENOSPC' });
    await expect(output.write('def')).rejects.toMatchObject({ code: 'ENOSPC' });
  });
});
