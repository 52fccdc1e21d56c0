import type { Event } from '../../gen/leat/v1/event.js';
import type { DeepPartial } from '../../gen/leat/v1/event_service.js';
import { CliError } from './cli-error.js';
import type { LineRun } from './split-lines.js';

/** Events for one message of a stream, and the lines that they came from. */
export interface Batch {
  readonly events: DeepPartial<Event>[];
  readonly firstLine: number;
  /** Lines between the batch before and this one, which are no events. */
  readonly passedOver: number;
  /** Size of the lines; about what the events take when encoded. */
  readonly bytes: number;
}

export interface BatchLimits {
  readonly maxEvents: number;
  /** One longer line is a batch of its own. */
  readonly maxBytes: number;
}

/**
 * Turns lines into batches, none of which waits for more lines than have come.
 * A line that `toEvent` refuses ends it with a CliError that names the line, after the lines before it.
 */
export async function* batchLines(
  runs: AsyncIterable<LineRun>,
  toEvent: (line: Buffer) => DeepPartial<Event>,
  { maxEvents, maxBytes }: BatchLimits,
): AsyncGenerator<Batch> {
  let nextLine = 1;
  for await (const { lines, firstLine } of runs) {
    let batch = { events: [] as DeepPartial<Event>[], firstLine, passedOver: firstLine - nextLine, bytes: 0 };
    nextLine = firstLine + lines.length;
    for (const [index, line] of lines.entries()) {
      const number = firstLine + index;
      const bytes = line.length + perEventBytes;
      if (batch.events.length >= maxEvents || (batch.bytes > 0 && batch.bytes + bytes > maxBytes)) {
        yield batch;
        batch = { events: [], firstLine: number, passedOver: 0, bytes: 0 };
      }
      try {
        batch.events.push(toEvent(line));
      } catch (error) {
        if (batch.events.length > 0) yield batch;
        throw atLine(number, error);
      }
      batch.bytes += bytes;
    }
    if (batch.events.length > 0) yield batch;
  }
}

/** Tags, lengths and type of an event, roughly. */
const perEventBytes = 32;

function atLine(line: number, error: unknown): unknown {
  return error instanceof CliError ? new CliError(`line ${line}: ${error.message}`, error.exitCode) : error;
}
