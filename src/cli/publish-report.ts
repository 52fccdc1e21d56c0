import { isAbortError } from 'abort-controller-x';
import { readCallFailure, type CallFailure } from './call-failure.js';
import { CliError, exitCodes, messageOf } from './cli-error.js';
import { describeCallError, describeViolations, exitCodeFor } from './present-error.js';
import type { PublishTotals } from './publish-batches.js';

/** The error with how far it came, and where to go on. */
export function explain(error: unknown, totals: PublishTotals, address: string): Error {
  const failure = readCallFailure(error);
  const notes = progressNotes(totals);
  if (failure !== undefined) {
    const told = withLines(failure, totals);
    return new CliError(describeCallError(told, address), exitCodeFor(told), [...describeViolations(told), ...notes]);
  }
  if (isAbortError(error)) return new CliError('interrupted', exitCodes.interrupted, notes);
  const code = (error as NodeJS.ErrnoException).code;
  if (error instanceof CliError) return new CliError(error.message, error.exitCode, [...error.notes, ...notes]);
  if (code !== undefined) return new CliError(messageOf(error), exitCodes.usage, notes);
  return error instanceof Error ? error : new Error(String(error));
}

function progressNotes({ durableLines, unknownLines, firstLine = 1 }: PublishTotals): string[] {
  const next = Math.max(durableLines + 1, firstLine);
  if (unknownLines + durableLines === 0) return ['nothing was published'];
  const durable =
    durableLines === firstLine ? `line ${firstLine} is durable` : `lines ${firstLine} to ${durableLines} are durable`;
  if (unknownLines === 0) return [`${durable}; go on from line ${next}`];
  const unknown = `lines ${next} to ${durableLines + unknownLines} may be durable too, nobody answered for them`;
  const known = durableLines === 0 ? '' : `${durable}; `;
  return [`${known}${unknown}; go on from line ${next}, where events with an id (--envelope) are not appended twice`];
}

/** "events[3].type" of the batch that failed, which is the one behind what is durable, as the line it came from. */
function withLines(failure: CallFailure, { durableLines, failedLine = durableLines + 1 }: PublishTotals): CallFailure {
  const atLine = (text: string) =>
    text.replace(/^events\[(\d+)\]\.?/, (_all, index: string) => `line ${failedLine + Number(index)}: `);
  const violations = failure.violations.map(({ field, description }) => ({ field: atLine(field), description }));
  return { ...failure, message: atLine(failure.message), violations };
}

/** What has become of it all, in a line. */
export function textSummary(
  topic: string,
  { accepted, duplicates, ...totals }: PublishTotals,
  producer?: string,
): string {
  if (accepted === 0n && duplicates > 0n && producer !== undefined) {
    const all = duplicates === 1n ? 'the only event' : `all ${duplicates} events`;
    return `nothing new: ${all} of producer ${producer} ${duplicates === 1n ? 'is' : 'are'} on ${topic} already\n`;
  }
  const known = duplicates > 0n ? `; ${duplicates} ${duplicates === 1n ? 'was a duplicate' : 'were duplicates'}` : '';
  const { firstOffset, lastOffset } = totals;
  const many = firstOffset === lastOffset ? `, offset ${firstOffset}` : `, offsets ${firstOffset} to ${lastOffset}`;
  const range = accepted > 0n ? many : '';
  return `published ${accepted} ${accepted === 1n ? 'event' : 'events'} to ${topic}${range}${known}\n`;
}

/** The same for programs. */
export function jsonSummary(topic: string, { firstLine = 1, failedLine: _, ...totals }: PublishTotals): string {
  const numbers = Object.entries(totals).map(([name, value]) => [name, String(value)]);
  const nextLine = String(Math.max(firstLine, totals.durableLines + 1));
  return `${JSON.stringify({ topic, ...Object.fromEntries(numbers), nextLine })}\n`;
}
