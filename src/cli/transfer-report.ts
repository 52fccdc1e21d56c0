import { isAbortError } from 'abort-controller-x';
import { clientReasons, LeatError, Status } from '../client/index.js';
import { CliError, exitCodes } from './cli-error.js';
import { formatDuration } from './format-transfer.js';
import { describeCallError, describeViolations, exitCodeFor } from './present-error.js';
import { formatBytes } from './progress.js';

/** What went wrong here and not in the service: its text is enough, with what to do where the text does not say. */
const own: Readonly<Record<string, { readonly exitCode: number; readonly hint?: string }>> = {
  [clientReasons.sourceFailed]: { exitCode: exitCodes.usage },
  [clientReasons.targetFailed]: { exitCode: exitCodes.failed },
  [clientReasons.targetExists]: { exitCode: exitCodes.conflict, hint: 'or replace it with --force' },
  [clientReasons.targetNotAFile]: { exitCode: exitCodes.usage, hint: 'or use -o - and a redirection' },
};

/** What a failed transfer can be continued after, besides an interruption and a service that is away. */
const resumable: readonly (string | undefined)[] = [
  'DISK_FULL',
  clientReasons.sourceFailed,
  clientReasons.targetFailed,
];

/** Whether the same command continues from the bytes that are stored. After a verdict about them it does not. */
export function isResumable(error: unknown): boolean {
  if (isAbortError(error)) return true;
  if (!(error instanceof LeatError)) return false;
  return error.retryable || error.code === Status.DEADLINE_EXCEEDED || resumable.includes(error.reason);
}

/** A failed transfer, with where it stands and what the user can do; `notes` are lines of that. */
export function explainTransfer(error: unknown, notes: readonly string[], address: string): unknown {
  if (isAbortError(error)) return new CliError('interrupted', exitCodes.interrupted, notes);
  if (!(error instanceof LeatError)) return error;
  const { exitCode, hint } = own[error.reason ?? ''] ?? {};
  if (exitCode !== undefined) {
    const message = hint === undefined ? error.message : `${error.message}, ${hint}`;
    return new CliError(message, exitCode, notes, { cause: error });
  }
  const lines = [...describeViolations(error), ...notes];
  const message = isDiskFull(error) ? describeFullDisk(error) : describeCallError(error, address);
  return new CliError(message, exitCodeFor(error), lines, { cause: error });
}

function isDiskFull({ reason }: LeatError): boolean {
  return reason === 'DISK_FULL';
}

/** Without the server's wish to be called again: a person has to do something first. */
function describeFullDisk({ message }: LeatError): string {
  return `disk full on the server: ${message} (RESOURCE_EXHAUSTED, DISK_FULL)`;
}

/** "94.1 MiB in 2.0 s (47.0 MiB/s)". */
export function describeAmount(bytes: number, elapsedMs: number): string {
  const seconds = elapsedMs / 1000;
  // In whole seconds a short transfer would contradict its rate.
  const time = seconds < 10 ? `${Math.max(seconds, 0.1).toFixed(1)} s` : formatDuration(seconds);
  const rate = elapsedMs > 0 ? ` (${formatBytes((bytes * 1000) / elapsedMs)}/s)` : '';
  return `${formatBytes(bytes)} in ${time}${rate}`;
}
