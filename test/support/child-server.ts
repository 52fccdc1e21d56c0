import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { createLeatClient, type LeatClient } from '../../src/client/index.js';
import type { Ports } from '../../src/server/leat-server.js';
import type { LogLine } from './test-server.js';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A server in a process of its own, on free ports of 127.0.0.1. */
export interface ChildServer {
  readonly pid: number;
  /** Resolves when both ports are open. Rejects with its last words if the process ends before. */
  readonly serving: Promise<Ports>;
  readonly exited: Promise<Exit>;
  /** A client of its own connection, which repeats no call, when the server serves; closed with the server. */
  connect(): Promise<LeatClient>;
  /** What it logged so far. */
  readonly lines: readonly LogLine[];
  /** What it wrote besides the log, uncaught errors for example. */
  errors(): string;
  /** Resolves when the process is gone. */
  kill(signal: NodeJS.Signals): Promise<Exit>;
  /** Resident memory in bytes (Linux). */
  residentBytes(): number;
  [Symbol.asyncDispose](): Promise<void>;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** `flags` are options as in `ConfigOption.name`; `data-dir` should be among them. `script` is beside this file. */
export function spawnServer(
  flags: Readonly<Record<string, unknown>>,
  nodeArguments: readonly string[] = [],
  script = 'serve-child.js',
): ChildServer {
  const all = { listen: '127.0.0.1:0', 'http-listen': '127.0.0.1:0', ...flags };
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, [...nodeArguments, path, JSON.stringify(all)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: LogLine[] = [];
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const exited = new Promise<Exit>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  const serving = awaitPorts(child, lines, exited, () => errors);
  serving.catch(() => undefined); // A test that expects a refusal may look at `exited` alone.
  const clients: LeatClient[] = [];
  const kill = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return exited;
  };
  return {
    pid: child.pid ?? -1,
    serving,
    exited,
    connect: async () => {
      const client = createLeatClient({ address: `127.0.0.1:${(await serving).grpcPort}`, maxAttempts: 1 });
      clients.push(client);
      return client;
    },
    lines,
    errors: () => errors,
    kill,
    residentBytes: () => residentBytes(child.pid ?? -1),
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.close()));
      await kill('SIGKILL');
    },
  };
}

function awaitPorts(child: Child, lines: LogLine[], exited: Promise<Exit>, errors: () => string): Promise<Ports> {
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = parse(text);
      lines.push(line);
      if (line.msg === 'serving') resolve(line as unknown as Ports);
    });
    const lastWords = (exit: Exit) => `${JSON.stringify(exit)} ${JSON.stringify(lines.at(-1))} ${errors()}`;
    void exited.then((exit) => reject(new Error(`the server ended: ${lastWords(exit)}`)));
  });
}

function parse(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    // Whatever else is printed there is told by a failing test.
    return { level: 'none', message: text };
  }
}

function residentBytes(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}
