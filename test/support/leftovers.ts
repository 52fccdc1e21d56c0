import type { ChildProcess } from 'node:child_process';
import { afterEach } from '@jest/globals';

const running = new Set<ChildProcess>();

// In a test that failed nobody waits for its processes, and one that stays would hold up the run.
afterEach(() => running.forEach((child) => child.kill('SIGKILL')));

/** Kills the process after the test that is running, unless it has ended by then. */
export function killAfterTest(child: ChildProcess): void {
  running.add(child);
  child.once('exit', () => running.delete(child));
}
