import { Status } from 'nice-grpc';
import { readCallFailure, type CallFailure } from './call-failure.js';
import { CliError, exitCodes, messageOf } from './cli-error.js';
import { escapeText } from './escape-text.js';

/** What the user is told about a failure, and what the process exits with. */
export interface Presentation {
  /** The first begins with "error: "; further ones are indented. */
  readonly lines: readonly string[];
  readonly exitCode: number;
}

/** Every failure as one line: what went wrong, the reason, what to do. Field violations follow, a line each. */
export function presentError(error: unknown, address: string): Presentation {
  const failure = readCallFailure(error);
  if (failure !== undefined) return presentCallError(failure, address);
  if (error instanceof CliError) {
    return present(error.message, error.exitCode, error.notes);
  }
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const message = messageOf(error);
  return present(code === undefined ? `unexpected: ${message}` : message, exitCodes.failed);
}

/** "offset 3 is trimmed (OUT_OF_RANGE, OFFSET_TRIMMED); do this". */
export function describeCallError(failure: CallFailure, address: string): string {
  const because = [Status[failure.code], failure.reason].filter((part) => part !== undefined).join(', ');
  const hint = hintFor(failure);
  return `${describeMessage(failure, address)} (${because})${hint === undefined ? '' : `; ${hint}`}`;
}

function presentCallError(failure: CallFailure, address: string): Presentation {
  const notes = describeViolations(failure);
  return present(describeCallError(failure, address), exitCodeFor(failure), notes);
}

/** A line each; none for one alone, which the message tells already. */
export function describeViolations({ violations }: CallFailure): string[] {
  if (violations.length < 2) return [];
  return violations.map(({ field, description }) => `${field}: ${description}`);
}

export function exitCodeFor(failure: CallFailure): number {
  switch (failure.code) {
    case Status.UNAVAILABLE:
      return exitCodes.unreachable;
    case Status.INVALID_ARGUMENT:
      return exitCodes.usage;
    case Status.NOT_FOUND:
      return exitCodes.notFound;
    case Status.ALREADY_EXISTS:
    case Status.ABORTED:
      return exitCodes.conflict;
    default:
      return exitCodes.failed;
  }
}

/** What grpc-js says about a failed connection, without its own wrapping. */
function describeMessage({ message }: CallFailure, address: string): string {
  const [, cause] =
    /^No connection established\. Last error: (?:Error: )?(.*?)\. Resolution note:/s.exec(message) ?? [];
  return cause === undefined ? message || 'the call failed' : `cannot reach ${address}: ${cause}`;
}

function hintFor(failure: CallFailure): string | undefined {
  const { metadata, reason } = failure;
  if (failure.code === Status.UNAVAILABLE && reason === undefined) {
    return 'start a server with "leat serve", or say where it is with --address';
  }
  if (reason === 'OFFSET_TRIMMED') return `start with --from first or --from ${metadata.first_offset ?? 'OFFSET'}`;
  if (reason === 'OFFSET_BEYOND_HEAD') return 'start with --from now to read what is new';
  if (reason === 'EPOCH_CHANGED') return 'the token is from before a restore: start with --from an offset or a time';
  if (failure.retryAfterMs !== undefined) return `try again in ${Math.ceil(failure.retryAfterMs / 1000)} s`;
  return undefined;
}

function present(message: string, exitCode: number, notes: readonly string[] = []): Presentation {
  return { lines: [`error: ${escapeText(message)}`, ...notes.map((note) => `  ${escapeText(note)}`)], exitCode };
}
