import { fstatSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import type { Event } from '../../gen/leat/v1/event.js';
import type { DeepPartial } from '../../gen/leat/v1/event_service.js';
import { batchLines } from './batch-lines.js';
import { createBatchSource, type BatchSource } from './batch-source.js';
import { chooseLines, type PartialLine } from './choose-lines.js';
import { CliError, exitCodes, usageError } from './cli-error.js';
import { describeCommand } from './command-words.js';
import { decodeUtf8 } from './cloud-event.js';
import { openInput } from './open-input.js';
import { explain, jsonSummary, textSummary } from './publish-report.js';
import { parseEnvelope } from './envelope.js';
import { parseLine, parsePair, parseName } from './parse-values.js';
import { createTotals, publishBatches, type PublishTotals } from './publish-batches.js';
import { formatProgress, noProgress, startProgress, type Progress } from './progress.js';
import { publishAsProducer } from './publish-producer.js';
import { createReadMeter, type ReadMeter } from './read-meter.js';
import type { GlobalOptions, Session } from './session.js';
import { splitLines } from './split-lines.js';
import { tellOfWait } from './tell-of-wait.js';

interface PublishOptions extends GlobalOptions {
  readonly type?: string;
  readonly subject?: string;
  readonly source?: string;
  readonly attribute?: Map<string, string>;
  readonly envelope?: boolean;
  readonly json?: boolean;
  readonly producer?: string;
  readonly fromLine?: number;
  readonly includePartial?: boolean;
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
    .option(
      '--producer <name>',
      'publish each line once, over lost connections and further runs of the same file, which may have grown',
      parseName,
    )
    .option('--from-line <n>', 'pass over the lines before line N', parseLine)
    .option(
      '--include-partial',
      'with --producer: also publish the last line of a file if it has no line feed; without it that is held back',
    )
    .option('--envelope', 'each line is a CloudEvents JSON object, as "leat tail --json" prints them')
    .option('--json', 'print the summary as one line of JSON')
    .addHelpText('after', examples)
    .action((topic: string, file: string | undefined, _options: unknown, command: Command) =>
      publish(session, topic, file, command.optsWithGlobals<PublishOptions>()),
    );
}

const examples = `
An event of --envelope: {"id":"o-1","type":"order.created","subject":"orders/42","data":{"total":12}}
With an id a repeated line is recognized and not appended twice. Blank lines between objects are passed over.

With --producer the lines of FILE are numbered, so a further run sends only new ones. FILE must keep the lines that it
had: for a rotated file take a name of its own, such as --producer web-1-2026-02. The last line of a file is held back
while it has no line feed; the last line of a pipe that has ended is a line like others.

Examples:
  $ leat publish logs/web access.log
  $ tail -f access.log | leat publish logs/web --type access
  $ leat publish logs/web access.log --producer web-1
  $ echo '{"id":"o-1","type":"order.created","data":{"total":12}}' | leat publish orders --envelope
  $ leat tail orders --json | leat publish orders-copy --envelope`;

async function publish(session: Session, topic: string, file: string | undefined, options: PublishOptions) {
  const totals = createTotals();
  const meter = createReadMeter();
  const progress = await openProgress(session, file, options, meter, totals);
  const answered = tellOfWait(session.signal, () => tellWhatIsWaitedFor(session, progress));
  let input: Readable | undefined;
  try {
    input = await inputOf(session, file);
    const runs = meter.lines(splitLines(meter.bytes(input), maxLineBytes));
    const partial = holdBackPartial(
      options.producer !== undefined && !options.includePartial && (await isFile(session, file)),
    );
    const { fromLine = 1, envelope: isJson = false } = options;
    const lines = chooseLines(runs, { fromLine, isJson, holdBack: partial.holdBack });
    const source = createBatchSource(batchLines(lines, eventMaker(options), batchLimits), session.signal);
    await send(session, { topic, file, source, options, totals, onKnown: partial.setKnown }, progress);
    if (partial.held !== undefined) progress.notice(describeHeldBack(partial.held));
    if (source.failure() !== undefined) throw source.failure();
    if (session.signal.aborted && !session.outputClosed()) throw new CliError('interrupted', exitCodes.interrupted);
  } catch (error) {
    progress.stop();
    if (options.json) await session.output.write(jsonSummary(topic, totals));
    throw explain(error, totals, options.address);
  } finally {
    answered();
    progress.stop();
    input?.destroy();
  }
  await session.output.write(options.json ? jsonSummary(topic, totals) : textSummary(topic, totals, options.producer));
}

/** Somebody at the terminal pressed Ctrl-C, and wonders. */
function tellWhatIsWaitedFor({ terminal }: Session, { notice }: Progress): void {
  if (terminal.stderr.isTTY === true) notice('waiting for what was sent to be durable; Ctrl-C again leaves at once');
}

interface Sending {
  readonly topic: string;
  readonly file: string | undefined;
  readonly source: BatchSource;
  readonly options: PublishOptions;
  readonly totals: PublishTotals;
  readonly onKnown: (events: bigint) => void;
}

async function send(session: Session, sending: Sending, { notice }: Progress): Promise<void> {
  const { topic, source, options, totals } = sending;
  const client = session.client(options);
  const stop = session.signal;
  if (options.producer === undefined) {
    return publishBatches(client.events, { topic, source, limits: callLimits, totals, stop });
  }
  const { producer: producerId, envelope, fromLine = 1 } = options;
  const onKnown = (events: bigint) => {
    sending.onKnown(events);
    // Blank lines are passed over, so an event's number does not tell its line.
    const next = envelope ? `event ${events + 1n}` : `line ${events + BigInt(fromLine)}`;
    if (events > 0n)
      notice(
        `producer ${producerId} has ${events} ${events === 1n ? 'event' : 'events'} on ${topic}; continuing with ${next}`,
      );
  };
  const command = (...more: readonly string[]) => describeRenamed(sending, more);
  return publishAsProducer(client, { topic, source, totals, producerId, command, onKnown, stop, notice });
}

/** The same command under another producer name. */
function describeRenamed({ topic, file = '-', options }: Sending, more: readonly string[]): string {
  const { type, subject, source, attribute = new Map<string, string>(), envelope, includePartial, json } = options;
  const words = [
    ...['leat', 'publish', topic, file, '--producer', 'NEW_NAME', ...more],
    ...(type === undefined ? [] : ['--type', type]),
    ...(subject === undefined ? [] : ['--subject', subject]),
    ...(source === undefined ? [] : ['--source', source]),
    ...[...attribute].flatMap(([key, value]) => ['--attribute', `${key}=${value}`]),
    ...(envelope ? ['--envelope'] : []),
    ...(includePartial ? ['--include-partial'] : []),
    ...(json ? ['--json'] : []),
  ];
  return describeCommand(words, options);
}

/** Holds back the last line of a file, if it has no line feed and was not published before. */
function holdBackPartial(isWanted: boolean) {
  let known = 0n;
  let held: PartialLine | undefined;
  const holdBack = (line: PartialLine) => {
    if (BigInt(line.eventsBefore) < known) return false;
    held = line;
    return true;
  };
  return {
    holdBack: isWanted ? holdBack : undefined,
    setKnown: (events: bigint) => void (known = events),
    get held() {
      return held;
    },
  };
}

/** Not where somebody types the lines: two would write to one screen. */
async function openProgress(
  session: Session,
  file: string | undefined,
  { json }: PublishOptions,
  meter: ReadMeter,
  totals: PublishTotals,
): Promise<Progress> {
  const { terminal } = session;
  const notice = (line: string) => session.notice(line);
  const typed = isStdin(file) && terminal.stdin.isTTY === true;
  if (terminal.stderr.isTTY !== true || json || typed) return noProgress(notice);
  const totalBytes = await sizeOf(file);
  const sample = () => ({ ...meter.read, durableLines: totals.durableLines, totalBytes });
  const format = (elapsedMs: number) => formatProgress(sample(), elapsedMs);
  return startProgress(terminal.stderr, { format, notice });
}

/** Undefined for what has no size, and for what cannot be read, which reading will tell. */
async function sizeOf(file: string | undefined): Promise<number | undefined> {
  if (file === undefined || isStdin(file)) return undefined;
  const stats = await stat(file).catch(() => undefined);
  return stats?.isFile() === true ? stats.size : undefined;
}

/** A file may still be written to, also one that is the standard input; a pipe that has ended may not. */
async function isFile({ terminal }: Session, file: string | undefined): Promise<boolean> {
  if (file !== undefined && !isStdin(file)) return (await stat(file)).isFile();
  const { fd } = terminal.stdin as { readonly fd?: unknown };
  return typeof fd === 'number' && fstatSync(fd).isFile();
}

function describeHeldBack({ line, bytes }: PartialLine): string {
  return (
    `line ${line} was held back: its ${bytes} bytes have no line feed, so it may not be complete; ` +
    'add the line feed and publish again, or give --include-partial'
  );
}

function isStdin(file: string | undefined): boolean {
  return file === undefined || file === '-';
}

async function inputOf(session: Session, file: string | undefined): Promise<Readable> {
  if (file !== undefined && !isStdin(file)) return openInput(file);
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
