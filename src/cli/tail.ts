import { isAbortError } from 'abort-controller-x';
import { Option, type Command } from 'commander';
import type { EventRecord, Start } from '../../gen/leat/v1/event.js';
import type { DeepPartial, ListEventsRequest } from '../../gen/leat/v1/event_service.js';
import { readPages } from '../client/follow/read-pages.js';
import { formatCloudEvent } from './cloud-event.js';
import { createConnectionNotices } from './connection-notices.js';
import { describeResume } from './resume-command.js';
import { formatEvent } from './format-event.js';
import { collect, parseCount, parseFrom, parseName, parsePair, parseUntil } from './parse-values.js';
import type { GlobalOptions, Session } from './session.js';
import { tailFromPlace } from './tail-from-place.js';

export interface TailOptions extends GlobalOptions {
  readonly from?: Start;
  readonly last?: bigint;
  readonly type?: string[];
  readonly subject?: string[];
  readonly attribute?: Map<string, string>;
  readonly limit?: bigint;
  readonly until?: ListEventsRequest['end'];
  readonly follow?: boolean;
  readonly json?: boolean;
  readonly checkpoint?: string;
  readonly cursor?: string;
}

export function addTailCommand(program: Command, session: Session): void {
  program
    .command('tail')
    .summary('print the events of a topic, and follow it')
    .description(
      'Prints the events of TOPIC, one a line: offset, commit time, type, payload. Without --from and --last it begins\n' +
        'with the first event that is kept; without --follow it ends at the last one. A followed topic goes on where it\n' +
        'was after a lost connection or a restarted server, with nothing lost and nothing twice. Ctrl-C ends it.\n' +
        'With --checkpoint or --cursor the next run goes on where this one ended; after a crash the last events may be\n' +
        'printed again, and none is left out.',
    )
    .argument('<topic>', 'for example "orders/eu" or "sys/users"')
    .addOption(
      new Option('--from <place>', 'where to begin: an offset, a time, a resume token, "first" or "now"')
        .argParser(parseFrom)
        .conflicts('last'),
    )
    .option('--last <n>', 'begin with the last N events, counted before the filter', parseCount)
    .option('--type <type>', 'only this type; "order.*" for all that begin so; may be repeated', collect)
    .option('--subject <subject>', 'only this subject; may be repeated', collect)
    .option('--attribute <key=value>', 'only with this attribute; may be repeated', parsePair)
    .option('--limit <n>', 'end after N events; 0 is no limit', parseCount)
    .option('--until <place>', 'end before this offset or time', parseUntil)
    .addOption(
      new Option(
        '--checkpoint <file>',
        'go on from the place in FILE if it is there, and keep the place in it',
      ).conflicts('cursor'),
    )
    .option('--cursor <name>', 'the same with a named cursor of the topic, which the server keeps', parseName)
    .option('-f, --follow', 'stay, and print what is new')
    .option('--json', 'print CloudEvents 1.0 JSON, one object a line')
    .addHelpText('after', examples)
    .action((topic: string, _options: unknown, command: Command) =>
      tail(session, topic, command.optsWithGlobals<TailOptions>()),
    );
}

const examples = `
Examples:
  $ leat tail orders --last 10
  $ leat tail orders --follow --type 'order.*'
  $ leat tail orders --from 2026-01-31T12:00:00Z --until 2026-02-01
  $ leat tail orders --json | jq -r 'select(.data.total > 100) | .id'
  $ leat tail sys/users --from now --follow
  $ leat tail orders --follow --checkpoint orders.place
  $ leat tail orders --cursor billing --json`;

async function tail(session: Session, topic: string, options: TailOptions): Promise<void> {
  const { signal } = session;
  session.endWithReader();
  const connection = createConnectionNotices(session.notice, 'resuming');
  const isKnown = warnIfUnknown(session, topic, options.follow);
  // Somebody who follows wants to see the server come back; an export that cannot end should fail.
  const settings = { signal, onSetback: connection.lost, maxAttempts: options.follow ? Infinity : 10 };
  const client = session.client(options);
  let resumeToken = '';
  let printed = 0n;
  try {
    if (options.checkpoint !== undefined || options.cursor !== undefined) {
      const write = (record: EventRecord) =>
        session.output.deliver(`${formatRecord(topic, record, options.json)}\n`, signal);
      const onHead = (headOffset: bigint) => {
        connection.back();
        isKnown(headOffset);
      };
      return await tailFromPlace(client, topic, options, { ...settings, onHead, live: options.follow ?? false }, write);
    }
    const { events } = client;
    for await (const page of readPages(events, listRequest(topic, options), { ...settings, maxFirstAttempts: 1 })) {
      connection.back();
      isKnown(page.headOffset);
      await print(session, topic, page.records, options.json);
      ({ resumeToken } = page);
      printed += BigInt(page.records.length);
    }
  } catch (error) {
    if (!isAbortError(error) || !options.follow) throw error;
    const isWatched = session.terminal.stderr.isTTY === true && !session.outputClosed();
    if (isWatched && resumeToken !== '') session.notice(describeResume(topic, options, resumeToken, printed));
  }
}

/** A topic without events may be a mistyped one: says so once. */
function warnIfUnknown(session: Session, topic: string, follow = false): (headOffset: bigint) => void {
  let isSaid = false;
  return (headOffset) => {
    if (headOffset > 0n || isSaid) return;
    isSaid = true;
    const next = follow ? 'waiting for the first one' : '"leat topics" lists those that have';
    session.notice(`topic "${topic}" has no events yet; ${next}`);
  };
}

async function print({ output, signal }: Session, topic: string, records: readonly EventRecord[], json?: boolean) {
  if (records.length === 0) return;
  const lines = records.map((record) => formatRecord(topic, record, json));
  await output.write(`${lines.join('\n')}\n`, signal);
}

function formatRecord(topic: string, record: EventRecord, json?: boolean): string {
  return json ? formatCloudEvent(topic, record) : formatEvent(record);
}

function listRequest(topic: string, options: TailOptions): DeepPartial<ListEventsRequest> {
  const { type: types, subject: subjects, attribute: attributes, from, last, until: end, limit, follow } = options;
  const start: Start | undefined = last === undefined ? from : { position: { $case: 'last', value: last } };
  return { topic, start, filter: { types, subjects, attributes }, end, limit, follow };
}
