import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';

const BLOCK = Buffer.alloc(64 * 1024, 1);

/**
 * Tries to write beside `file`, as far from the beginning as its WAL is long, since a limit may be on the size of files.
 * Returns the error's code, for example ENOSPC; empty if there was none.
 */
export function probeWrite(file: string): string {
  const probe = `${file}-probe`;
  try {
    const size = Math.max(...[file, `${file}-wal`].map((name) => statSync(name, { throwIfNoEntry: false })?.size ?? 0));
    const descriptor = openSync(probe, 'w');
    try {
      for (let rest = BLOCK; rest.length > 0;) {
        rest = rest.subarray(writeSync(descriptor, rest, 0, rest.length, size + BLOCK.length - rest.length));
      }
    } finally {
      closeSync(descriptor);
      rmSync(probe);
    }
    return '';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? '';
  }
}
