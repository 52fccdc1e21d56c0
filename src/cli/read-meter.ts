import type { LineRun } from './split-lines.js';

/** Counts what passes by. */
export interface ReadMeter {
  readonly read: { readonly bytes: number; readonly lines: number };
  bytes(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer>;
  lines(runs: AsyncIterable<LineRun>): AsyncIterable<LineRun>;
}

export function createReadMeter(): ReadMeter {
  const read = { bytes: 0, lines: 0 };
  return {
    read,
    async *bytes(chunks) {
      for await (const chunk of chunks) {
        read.bytes += chunk.length;
        yield chunk;
      }
    },
    async *lines(runs) {
      for await (const run of runs) {
        read.lines += run.lines.length;
        yield run;
      }
    },
  };
}
