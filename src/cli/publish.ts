import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { readCallFailure, type CallFailure } from './call-failure.js';
import type { Event } from '../../gen/leat/v1/event.js';
import type { DeepPartial } from '../../gen/leat/v1/event_service.js';
import { batchLines } from './batch-lines.js';
import { createBatchSource } from './batch-source.js';
import { CliError, exitCodes, usageError } from './cli-error.js';
import { decodeUtf8 } from './cloud-event.js';
import { parseEnvelope } from './envelope.js';
import { parsePair } from './parse-values.js';
import { createTotals, publishBatches, type PublishTotals } from './publish-batches.js';
import { describeCallError, describeViolations, exitCodeFor } from './present-error.js';
import type { GlobalOptions, Session } from './session.js';
import { splitLines } from './split-lines.js';

interface PublishOptions extends GlobalOptions {
  readonly type?: string;
  readonly subject?: string;
  readonly source?: string;
  readonly attribute?: Map<string, string>;
  readonly envelope?: boolean;
  readonly json?: boolean;
}

const maxLineBytes = 1 << 20;
const batchLimits = { maxEvents: 1024, maxBytes: 256 << 10 };
const callLimits = { maxBytes: 4 << 20, maxMs: 1_000 };

export function addPublishCommand(program: Command, session: Session): void {
  program
    .command('publish')
    .summary('publish lines, or events as JSON, to a topic')
    .description(
      'Publishes each line of FILE as an event of TOPIC: its bytes without the line feed, as text if they are valid\n' +
        'UTF-8. Nothing is held back: what arrives is sent, and what was answered for is on disk. When something goes\n' +
        'wrong, the last line says how much is durable and which line to go on from.',
    )
    .argument('<topic>', 'for example "orders/eu"')
    .argument('[file]', 'what to read; "-" or nothing is the standard input')
    .option('--type <type>', 'type of the events (default: "line"; with --envelope: the one in the object)')
    .option('--subject <subject>', 'subject of the events')
    .option('--source <source>', 'source of the events')
    .option('--attribute <key=value>', 'attribute of the events; may be repeated', parsePair)
    .option('--envelope', 'each line is a CloudEvents JSON object, as "leat tail --json" prints them')
    .option('--json', 'print the summary as one line of JSON')
    .addHelpText('after', examples)
    .action((topic: string, file: string | undefined, _options: unknown, command: Command) =>
      publish(session, topic, file, command.optsWithGlobals<PublishOptions>()),
    );
}

const examples = `
An event of --envelope: {"id":"o-1","type":"order.created","subject":"orders/42","data":{"total":12}}
With an id a repeated line is recognized and not appended twice.

Examples:
  $ leat publish logs/web access.log
  $ tail -f access.log | leat publish logs/web --type access
  $ echo '{"id":"o-1","type":"order.created","data":{"total":12}}' | leat publish orders --envelope
  $ leat tail orders --json | leat publish orders-copy --envelope`;

async function publish(session: Session, topic: string, file: string | undefined, options: PublishOptions) {
  const totals = createTotals();
  const input = openInput(session, file);
  try {
    const batches = batchLines(splitLines(input, maxLineBytes), eventMaker(options), batchLimits);
    const source = createBatchSource(batches, session.signal);
    await publishBatches(session.client(options).events, topic, source, callLimits, totals);
    if (source.failure() !== undefined) throw source.failure();
    if (session.signal.aborted && !session.outputClosed()) throw new CliError('interrupted', exitCodes.interrupted);
  } catch (error) {
    if (options.json) await session.output.write(jsonSummary(topic, totals));
    throw explain(error, totals, options.address);
  } finally {
    input.destroy();
  }
  await session.output.write(options.json ? jsonSummary(topic, totals) : textSummary(topic, totals));
}

function openInput(session: Session, file: string | undefined): Readable {
  if (file !== undefined && file !== '-') return createReadStream(file, { highWaterMark: 256 << 10 });
  if (session.terminal.stdin.isTTY) session.notice('reading lines from the terminal; Ctrl-D ends');
  return session.terminal.stdin;
}

function eventMaker(options: PublishOptions): (line: Buffer) => DeepPartial<Event> {
  const { type, subject, source, attribute: attributes } = options;
  const defaults: DeepPartial<Event> = { type, subject, source, attributes };
  if (options.envelope) return (line) => parseEnvelope(lineText(line), defaults);
  const template = { ...defaults, type: type ?? 'line' };
  return (line) => ({ ...template, payload: payloadOf(line) });
}

function payloadOf(line: Buffer): DeepPartial<Event>['payload'] {
  const text = decodeUtf8(line);
  return text === undefined ? { $case: 'data', value: line } : { $case: 'text', value: text };
}

function lineText(line: Buffer): string {
  const text = decodeUtf8(line);
  if (text === undefined) throw usageError('not valid UTF-8');
  return text;
}

/** The error with how far it came, and where to go on. */
function explain(error: unknown, totals: PublishTotals, address: string): Error {
  const failure = readCallFailure(error);
  const notes = progressNotes(totals);
  if (failure !== undefined) {
    const told = withLines(failure, totals);
    return new CliError(describeCallError(told, address), exitCodeFor(told), [...describeViolations(told), ...notes]);
  }
  const code = (error as NodeJS.ErrnoException).code;
  if (error instanceof CliError) return new CliError(error.message, error.exitCode, notes);
  if (error instanceof Error && code !== undefined) return new CliError(error.message, exitCodes.usage, notes);
  return error instanceof Error ? error : new Error(String(error));
}

function progressNotes({ durableLines, unknownLines }: PublishTotals): string[] {
  const next = durableLines + 1;
  if (unknownLines + durableLines === 0) return ['nothing was published'];
  const durable = durableLines === 1 ? 'line 1 is durable' : `lines 1 to ${durableLines} are durable`;
  if (unknownLines === 0) return [`${durable}; go on from line ${next}`];
  const unknown = `lines ${next} to ${durableLines + unknownLines} may be durable too, nobody answered for them`;
  const known = durableLines === 0 ? '' : `${durable}; `;
  return [`${known}${unknown}; go on from line ${next}, where events with an id (--envelope) are not appended twice`];
}

/** "events[3].type" of the batch that failed, which is the one behind what is durable, as the line it came from. */
function withLines(failure: CallFailure, { durableLines }: PublishTotals): CallFailure {
  const atLine = (text: string) =>
    text.replace(/^events\[(\d+)\]\.?/, (_all, index: string) => `line ${durableLines + 1 + Number(index)}: `);
  const violations = failure.violations.map(({ field, description }) => ({ field: atLine(field), description }));
  return { ...failure, message: atLine(failure.message), violations };
}

function textSummary(topic: string, { durableLines, accepted, duplicates, ...totals }: PublishTotals): string {
  const known = duplicates > 0n ? `, ${duplicates} were there already` : '';
  const { firstOffset, lastOffset } = totals;
  const many = firstOffset === lastOffset ? `, offset ${firstOffset}` : `, offsets ${firstOffset} to ${lastOffset}`;
  const range = accepted > 0n ? many : '';
  return `published ${durableLines} ${durableLines === 1 ? 'event' : 'events'} to ${topic}${range}${known}\n`;
}

function jsonSummary(topic: string, totals: PublishTotals): string {
  const numbers = Object.entries(totals).map(([name, value]) => [name, String(value)]);
  const nextLine = String(totals.durableLines + 1);
  return `${JSON.stringify({ topic, ...Object.fromEntries(numbers), nextLine })}\n`;
}
