import { createServer } from 'node:net';
import type { Address, Config } from '../config.js';
import { isDomainError } from '../domain/errors.js';

/** The server cannot start, and whoever started it can fix that. The message names the option and says what to do. */
export class StartError extends Error {
  override readonly name = 'StartError';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Throws StartError if the address cannot be listened on. `flag`: the option that it comes from. */
export async function checkAddress(flag: string, address: Address): Promise<void> {
  const probe = createServer();
  const listening = new Promise<void>((resolve, reject) => {
    probe.once('error', reject).listen(address.port, address.host, resolve);
  });
  await listening.catch((error: unknown) => {
    throw cannotListen(flag, address, error);
  });
  await new Promise((resolve) => probe.close(resolve));
}

/** The error of a failed `listen`, for whoever started the server. */
export function cannotListen(flag: string, address: Address, cause: unknown): StartError {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  const advice = listenAdvice[code] ?? `choose another address with --${flag}`;
  return new StartError(
    `--${flag}: cannot listen on ${addressText(address)} (${code || message}): ${advice.replace('FLAG', flag)}`,
    {
      cause,
    },
  );
}

/** `host:port`, an IPv6 address in brackets. */
export function addressText({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

const listenAdvice: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program uses the port: stop it, or choose another port with --FLAG',
  EADDRNOTAVAIL: 'this machine does not have the address: choose one that it has with --FLAG',
  EACCES: 'this user may not listen there: choose a port above 1023 with --FLAG',
  ENOTFOUND: 'the host name is unknown: choose another address with --FLAG',
};

/** How a failure is reported: one line for people, and whether the cause is a defect that the log must explain. */
export interface Failure {
  readonly message: string;
  /** Stable, for programs; undefined for a defect. */
  readonly reason: string | undefined;
}

/** What is said of an error that keeps the server from starting, or from going on. */
export function describeFailure(error: unknown, { dataDir }: Config): Failure {
  const { message, code } = error as NodeJS.ErrnoException;
  if (error instanceof StartError) return { message, reason: 'CANNOT_LISTEN' };
  if (isDomainError(error)) {
    // All of them are about the data directory; not all of them name it.
    return {
      message: message.includes('--data-dir') ? message : `--data-dir ${dataDir}: ${message}`,
      reason: error.reason,
    };
  }
  if (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code)) {
    const text = `--data-dir ${dataDir}: cannot be used (${message}): make it a directory that can be written to`;
    return { message: text, reason: 'DATA_DIR_UNUSABLE' };
  }
  return { message: `cannot go on: ${message}`, reason: undefined };
}
