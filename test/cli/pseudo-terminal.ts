import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { killAfterTest } from '../support/leftovers.js';
import { watchText } from '../support/watched-text.js';

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** Undefined if this machine can make a pseudo-terminal for a test; otherwise why it cannot. */
export const noTerminal: string | undefined = (() => {
  const { status } = spawnSync('script', ['-qec', 'true', '/dev/null'], { stdio: 'ignore' });
  return status === 0 ? undefined : 'no pseudo-terminal: "script" of util-linux is missing';
})();

export interface TerminalRun {
  /** The standard output and error, as the screen gets them. */
  readonly ended: Promise<{ readonly code: number | null; readonly screen: string }>;
  until(pattern: RegExp): Promise<RegExpExecArray>;
  /** As a person types; '\u0003' is Ctrl-C. */
  type(keys: string): void;
}

/** The command line on a pseudo-terminal, through a shell: `redirections` stand behind the arguments. */
export function runInTerminal(
  args: readonly string[],
  { env = {}, redirections = '' }: { env?: Readonly<Record<string, string>>; redirections?: string } = {},
): TerminalRun {
  const quoted = [process.execPath, main, ...args].map((word) => `'${word}'`).join(' ');
  // Neither the developer's colours nor those of the CI may reach the tests.
  const mine = /^(?:LEAT_|NO_COLOR$|FORCE_COLOR$|NODE_OPTIONS$)/;
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !mine.test(name)));
  return runShell(`exec ${quoted} ${redirections}`, { env: { ...own, ...env } });
}

/** Any command of a shell on a pseudo-terminal. */
export function runShell(
  command: string,
  { env, cwd }: { readonly env: Readonly<Record<string, string | undefined>>; readonly cwd?: string },
): TerminalRun {
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd,
    env: { TERM: 'xterm', ...env, SHELL: '/bin/sh' },
    stdio: 'pipe',
  });
  killAfterTest(child);
  child.stdin.on('error', () => undefined); // It may end before all is typed.
  const closed = once(child, 'close').then(([code]) => code as number | null);
  const screen = watchText(closed);
  child.stdout.setEncoding('utf8').on('data', screen.add);
  return {
    ended: closed.then((code) => ({ code, screen: screen.text })),
    until: screen.until,
    type: (keys) => void child.stdin.write(keys),
  };
}
