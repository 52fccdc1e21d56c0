import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { runCli } from '../../src/cli/run-cli.js';
import { killAfterTest } from '../support/leftovers.js';
import { watchText } from '../support/watched-text.js';

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The real command line in a process of its own. */
export interface LeatProcess {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly ended: Promise<Ended>;
  /** Resolves when what came on a stream so far matches; rejects if the process ends without. */
  until(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray>;
}

export interface StartOptions {
  /** False: nobody reads the standard output until the test does. Default: true. */
  readonly readOutput?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** The program. Default: the one that was built. */
  readonly program?: string;
}

/** Ends with the test, at the latest. */
export function startLeat(args: readonly string[], options: StartOptions = {}): LeatProcess {
  const started = spawnLeat(args, options);
  killAfterTest(started.child);
  return started;
}

function spawnLeat(args: readonly string[], options: StartOptions = {}): LeatProcess {
  const { readOutput = true, env = {}, program = main } = options;
  // Environment of the developer's own must not reach the tests.
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LEAT_')));
  const child = spawn(process.execPath, [program, ...args], { env: { ...own, ...env }, stdio: 'pipe' });
  // The process may end before it has read all its input; what then happens to the pipe is not the test's business.
  child.stdin.on('error', () => undefined);
  const closed = once(child, 'close').then(([code]) => code as number | null);
  const watched = { stdout: watchText(closed), stderr: watchText(closed) };
  for (const name of ['stdout', 'stderr'] as const) {
    if (name === 'stdout' && !readOutput) continue;
    child[name].setEncoding('utf8').on('data', watched[name].add);
  }
  return {
    child,
    ended: closed.then((code) => ({ code, stdout: watched.stdout.text, stderr: watched.stderr.text })),
    until: (stream, pattern) => watched[stream].until(pattern),
  };
}

/**
 * Runs one command to its end; `input` is all of its standard input. It runs in the test's own process, through the same
 * function as `leat` itself: a process takes half a second, and there are many hundreds. `serve`, other programs and
 * commands with an environment of their own get a process.
 */
export async function runLeat(
  args: readonly string[],
  options: StartOptions & { readonly input?: string | Uint8Array } = {},
): Promise<Ended> {
  if (options.env === undefined && options.program === undefined && !args.includes('serve')) {
    return runHere(args, options.input ?? '');
  }
  const { child, ended } = startLeat(args, options);
  child.stdin.end(options.input ?? '');
  return ended;
}

async function runHere(args: readonly string[], input: string | Uint8Array): Promise<Ended> {
  // As for a process: the developer's own environment must not reach the tests.
  for (const name of ['LEAT_ADDRESS', 'LEAT_USER']) delete process.env[name];
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end(input);
  const texts = Promise.all([text(stdout), text(stderr)]);
  const interrupt = { signal: new AbortController().signal, release: () => undefined };
  const code = await runCli(args, { stdin, stdout, stderr }, interrupt);
  stdout.end();
  stderr.end();
  const [out, err] = await texts;
  return { code, stdout: out, stderr: err };
}

export interface TestService {
  readonly address: string;
  /** Kills the service as a power cut would, and starts another one on the same port and data. */
  crashAndRestart(): Promise<void>;
  crash(): Promise<void>;
  /** After a crash. */
  restart(): Promise<void>;
  /** Ends the service and removes its data. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** `leat serve` on free ports and a fresh data directory. */
export async function startService(): Promise<TestService> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'leat-cli-test-'));
  let listen = '127.0.0.1:0';
  const start = async () => {
    const flags = ['--data-dir', dataDir, '--listen', listen, '--http-listen', '127.0.0.1:0'];
    const service = spawnLeat(['serve', ...flags]);
    const [, port] = await service.until('stdout', /"grpcPort":(\d+).*"serving"/);
    listen = `127.0.0.1:${port}`;
    return service;
  };
  let service = await start();
  const crash = async () => {
    service.child.kill('SIGKILL');
    await service.ended;
  };
  return {
    address: listen,
    crash,
    async restart() {
      service = await start();
    },
    async crashAndRestart() {
      await crash();
      service = await start();
    },
    async [Symbol.asyncDispose]() {
      service.child.kill('SIGTERM');
      await service.ended;
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** `count` lines that say which they are: "line 1\nline 2\n…". */
export function numberedLines(count: number, from = 1): string {
  return Array.from({ length: count }, (_none, index) => `line ${from + index}\n`).join('');
}
