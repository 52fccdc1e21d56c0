import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import type { Event } from '../../gen/leat/v1/event.js';
import type { DeepPartial } from '../../gen/leat/v1/event_service.js';
import { batchLines } from './batch-lines.js';
import { createBatchSource, type BatchSource } from './batch-source.js';
import { CliError, exitCodes, usageError } from './cli-error.js';
import { decodeUtf8 } from './cloud-event.js';
import { openInput } from './open-input.js';
import { explain, jsonSummary, textSummary } from './publish-report.js';
import { parseEnvelope } from './envelope.js';
import { parsePair, parseName } from './parse-values.js';
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
    const source = createBatchSource(batchLines(runs, eventMaker(options), batchLimits), session.signal);
    await send(session, topic, source, options, totals, progress);
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

async function send(
  session: Session,
  topic: string,
  source: BatchSource,
  options: PublishOptions,
  totals: PublishTotals,
  { notice }: Progress,
): Promise<void> {
  const { producer: producerId } = options;
  const client = session.client(options);
  if (producerId === undefined) {
    return publishBatches(client.events, { topic, source, limits: callLimits, totals, stop: session.signal });
  }
  return publishAsProducer(client, { topic, producerId, source, totals, stop: session.signal, notice });
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
