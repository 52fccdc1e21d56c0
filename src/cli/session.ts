import type { Readable } from 'node:stream';
import { createLeatClient, type LeatClient } from '../client/index.js';
import { escapeText } from './escape-text.js';
import { createOutput, type Output } from './output.js';
import { paintLabel } from './paint-label.js';
import { createPaint, type Paint } from './paint.js';
import type { Screen } from './progress.js';
import { watchReader } from './reader-watch.js';

/** The streams that a command line runs in; `process` has them. */
export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(isRaw: boolean): unknown };
  readonly stdout: Screen;
  readonly stderr: Screen;
  /** Asked for colours only. Default: none are set. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** How the user ends a command. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** Leaves Ctrl-C and SIGTERM to somebody else. */
  release(): void;
}

/** Of `--address`. */
export const DEFAULT_ADDRESS = '127.0.0.1:50051';

export interface GlobalOptions {
  readonly address: string;
  readonly user?: string;
}

/** What one run of the command line gives to its command. */
export interface Session {
  readonly terminal: Terminal;
  readonly output: Output;
  /** Colours of the standard output, and of the standard error. */
  readonly paint: Paint;
  readonly paintError: Paint;
  readonly interrupt: Interrupt;
  /** Aborts at Ctrl-C, and when the reader of the output went away. */
  readonly signal: AbortSignal;
  /** True once the reader of the output went away. */
  outputClosed(): boolean;
  /**
   * Ends the command when the reader of the output goes away, also while there is nothing to write. For commands whose
   * only purpose is their output; others finish their work.
   */
  endWithReader(): void;
  /** A client for the global options; closed with the session. */
  client(options: GlobalOptions): LeatClient;
  /** One line for the person at the terminal, beside the results. */
  readonly notice: (line: string) => void;
  close(): Promise<void>;
}

export function createSession(terminal: Terminal, interrupt: Interrupt): Session {
  const ended = new AbortController();
  const end = () => ended.abort();
  const clients: LeatClient[] = [];
  const { env = {} } = terminal;
  const paintError = createPaint(terminal.stderr, env);
  let outputClosed = false;
  let stopWatching = () => undefined as void;
  const onClosed = () => {
    outputClosed = true;
    end();
  };
  const output = createOutput(terminal.stdout, onClosed);
  const ignore = () => undefined; // Nobody reads the notices: there is no place left to say so.
  terminal.stderr.on('error', ignore);
  interrupt.signal.addEventListener('abort', end);
  if (interrupt.signal.aborted) end();
  return {
    terminal,
    output,
    paint: createPaint(terminal.stdout, env),
    paintError,
    interrupt,
    signal: ended.signal,
    outputClosed: () => outputClosed,
    endWithReader() {
      stopWatching();
      if (terminal.stdout.fd !== undefined) stopWatching = watchReader(terminal.stdout.fd, onClosed);
    },
    client(options) {
      // A person sees the first failure at once, and knows better than we do whether to wait.
      const client = createLeatClient({ address: options.address, user: options.user, maxAttempts: 1 });
      clients.push(client);
      return client;
    },
    notice: (line) => void terminal.stderr.write(`${paintLabel(paintError, escapeText(line))}\n`),
    async close() {
      interrupt.signal.removeEventListener('abort', end);
      stopWatching();
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}
