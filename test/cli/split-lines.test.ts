import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { batchLines, type Batch } from '../../src/cli/batch-lines.js';
import { usageError } from '../../src/cli/cli-error.js';
import { splitLines } from '../../src/cli/split-lines.js';

async function* chunksOf(...chunks: (Uint8Array | string)[]) {
  for (const chunk of chunks) yield Buffer.from(chunk as string);
}

async function collect<T>(iterable: AsyncIterable<T>, seen: T[] = []): Promise<T[]> {
  for await (const item of iterable) seen.push(item);
  return seen;
}

describe('splitLines', () => {
  it('gives the same lines, byte for byte, however the input is cut into pieces', async () => {
    const pieces = fc.array(
      fc.uint8Array({ maxLength: 20 }).map((bytes) => bytes.map((byte) => (byte < 80 ? 10 : byte))),
    );
    await fc.assert(
      fc.asyncProperty(pieces, async (chunks) => {
        const all = Buffer.concat(chunks).toString('latin1');
        const expected = all.split('\n').slice(0, all.endsWith('\n') || all === '' ? -1 : undefined);
        const runs = await collect(splitLines(chunksOf(...chunks), 1_000));
        expect(runs.flatMap(({ lines }) => lines.map((line) => line.toString('latin1')))).toEqual(expected);
        const starts = runs.map(
          (_run, index) => 1 + runs.slice(0, index).reduce((sum, run) => sum + run.lines.length, 0),
        );
        expect(runs.map(({ firstLine }) => firstLine)).toEqual(starts);
      }),
    );
  });

  it('gives the lines before one that is too long, and then says which it is', async () => {
    const seen: { lines: readonly Buffer[] }[] = [];
    const run = collect(splitLines(chunksOf('a\nb\nccc', 'cc\nd\n'), 4), seen);
    await expect(run).rejects.toThrow('line 3 is longer than 4 bytes');
    expect(seen.flatMap(({ lines }) => lines.map(String))).toEqual(['a', 'b']);
  });

  it('takes a line of just the longest length', async () => {
    expect((await collect(splitLines(chunksOf('abcd\nef'), 4))).flatMap(({ lines }) => lines.map(String))).toEqual([
      'abcd',
      'ef',
    ]);
  });
});

describe('batchLines', () => {
  const toEvent = (line: Buffer) => {
    if (line.toString() === 'bad') throw usageError('no good');
    return { type: line.toString() };
  };
  const typesOf = (batches: Batch[]) => batches.map(({ events }) => events.map(({ type }) => type));

  it('closes a batch at its count and at its bytes, and sends on what has come', async () => {
    const runs = splitLines(chunksOf('1\n2\n3\n', '4\n'), 100);
    const batches = await collect(batchLines(runs, toEvent, { maxEvents: 2, maxBytes: 1_000 }));
    expect(typesOf(batches)).toEqual([['1', '2'], ['3'], ['4']]);
    expect(batches.map(({ firstLine }) => firstLine)).toEqual([1, 3, 4]);
    const small = batchLines(splitLines(chunksOf('1\n2\n'), 100), toEvent, { maxEvents: 9, maxBytes: 1 });
    expect(typesOf(await collect(small))).toEqual([['1'], ['2']]);
  });

  it('gives what comes before a bad line, and names that line', async () => {
    const seen: Batch[] = [];
    const runs = splitLines(chunksOf('1\n2\nbad\n4\n'), 100);
    await expect(collect(batchLines(runs, toEvent, { maxEvents: 9, maxBytes: 1_000 }), seen)).rejects.toThrow(
      'line 3: no good',
    );
    expect(typesOf(seen)).toEqual([['1', '2']]);
  });
});
