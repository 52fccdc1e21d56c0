import { InvalidArgumentError } from 'commander';
import { Timestamp } from '../../gen/google/protobuf/timestamp.js';
import type { Start } from '../../gen/leat/v1/event.js';
import type { ListEventsRequest } from '../../gen/leat/v1/event_service.js';

const offsetPattern = /^\d{1,19}$/;
const timePattern = /^\d{4}-\d{2}-\d{2}/;
const maxInt64 = 2n ** 63n - 1n;

/** Resume tokens begin with their version, and look like no word. */
const tokenPattern = /^A(?=.*[\d_-])[\w-]{5,255}$/;

/** `--from`: an offset to begin at, a time, "first", "now", or a resume token. "first" is undefined. */
export function parseFrom(text: string): Start | undefined {
  if (text === 'first') return undefined;
  if (text === 'now') return { position: { $case: 'last', value: 0n } };
  if (offsetPattern.test(text)) return { position: { $case: 'afterOffset', value: parseOffset(text) - 1n } };
  if (timePattern.test(text)) return { position: { $case: 'fromTime', value: parseTime(text) } };
  if (!tokenPattern.test(text)) {
    throw new InvalidArgumentError(
      'Give an offset such as 42, a time such as 2026-01-31 or 2026-01-31T12:00:00Z, "first", "now", or a resume token.',
    );
  }
  return { position: { $case: 'resumeToken', value: text } };
}

/** `--until`: the offset or the time that is left out, with everything behind it. */
export function parseUntil(text: string): NonNullable<ListEventsRequest['end']> {
  if (offsetPattern.test(text)) return { $case: 'beforeOffset', value: parseOffset(text) };
  if (timePattern.test(text)) return { $case: 'beforeTime', value: parseTime(text) };
  throw new InvalidArgumentError('Give an offset, or a time such as 2026-01-31T12:00:00Z.');
}

/** A whole number from 0 that fits an int64. */
export function parseCount(text: string): bigint {
  const count = /^\d+$/.test(text) ? BigInt(text) : undefined;
  if (count === undefined || count > maxInt64) throw new InvalidArgumentError('Give a whole number, 0 or more.');
  return count;
}

/** The number of a line, from 1. */
export function parseLine(text: string): number {
  const line = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (line < 1) throw new InvalidArgumentError('Give the number of a line, 1 or more.');
  return line;
}

function parseOffset(text: string): bigint {
  const offset = parseCount(text);
  if (offset < 1n) throw new InvalidArgumentError('Offsets begin at 1.');
  return offset;
}

/** RFC 3339, or a date alone, which is its first moment in UTC. */
export function parseTime(text: string): Timestamp {
  try {
    return Timestamp.fromJSON(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text);
  } catch {
    throw new InvalidArgumentError('Give a time such as 2026-01-31T12:00:00Z or 2026-01-31.');
  }
}

/** Collects `KEY=VALUE`, once or several times; the value may hold further equals signs. */
export function parsePair(text: string, known: ReadonlyMap<string, string> = new Map()): Map<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Give KEY=VALUE.');
  return new Map([...known, [text.slice(0, at), text.slice(at + 1)]]);
}

/** Collects the values of an option that is given several times. */
export function collect(text: string, known: readonly string[] = []): string[] {
  return [...known, text];
}

/** A producer's or a cursor's name. */
export function parseName(text: string): string {
  if (text === '' || text.length > 128) throw new InvalidArgumentError('Give a name of 1 to 128 characters.');
  return text;
}
