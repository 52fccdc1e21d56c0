import { isAbortError } from 'abort-controller-x';
import { clientReasons, LeatError, type Setback } from '../client/index.js';
import { CliError, exitCodes } from './cli-error.js';
import { formatDuration } from './format-transfer.js';
import { describeCallError, describeViolations, exitCodeFor } from './present-error.js';
import { formatBytes } from './progress.js';

/** What went wrong here and not in the service: its text is enough, with what to do where the text does not say. */
const own: Readonly<Record<string, { readonly exitCode: number; readonly hint?: string }>> = {
  [clientReasons.sourceFailed]: { exitCode: exitCodes.usage },
  [clientReasons.targetFailed]: { exitCode: exitCodes.failed },
  [clientReasons.targetBusy]: { exitCode: exitCodes.conflict },
  [clientReasons.targetExists]: { exitCode: exitCodes.conflict, hint: 'or replace it with --force' },
};

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
  return new CliError(describeCallError(error, address), exitCodeFor(error), lines, { cause: error });
}

export function describeTransferSetback({ error, attempt, delayMs }: Setback): string {
  return `connection lost (${error.message}); going on in ${(delayMs / 1000).toFixed(1)} s (try ${attempt})`;
}

/** "94.1 MiB in 2 s (47.0 MiB/s)". */
export function describeAmount(bytes: number, elapsedMs: number): string {
  const rate = elapsedMs > 0 ? ` (${formatBytes((bytes * 1000) / elapsedMs)}/s)` : '';
  return `${formatBytes(bytes)} in ${formatDuration(elapsedMs / 1000)}${rate}`;
}
