import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const chattr = (flag: '+i' | '-i', file: string) =>
  execFileSync('chattr', [flag, file], { stdio: ['ignore', 'ignore', 'pipe'] });

/** Makes a file that nobody, not even root, can remove. Returns the function that takes it back. */
export function makeImmutable(file: string): () => void {
  chattr('+i', file);
  return () => void chattr('-i', file);
}

/** Why files cannot be made immutable here; undefined: they can. */
export function whyNotImmutable(): string | undefined {
  const file = path.join(tmpdir(), `leat-immutable-${process.pid}`);
  writeFileSync(file, '');
  try {
    makeImmutable(file)();
    return undefined;
  } catch (error) {
    return (error as Error).message.split('\n', 2).join(': ');
  } finally {
    rmSync(file);
  }
}
