import type { Command } from 'commander';
import { Topic, type Cursor, type EventServiceClient } from '../../gen/leat/v1/event_service.js';
import { readCallFailure } from './call-failure.js';
import { cursorFields, lagOf } from './cursor-fields.js';
import { escapeJson } from './escape-text.js';
import { formatTable } from './format-table.js';
import { formatAge, formatTime } from './format-time.js';
import type { Paint } from './paint.js';
import { formatBytes } from './progress.js';
import type { GlobalOptions, Session } from './session.js';

interface TopicsOptions extends GlobalOptions {
  readonly json?: boolean;
  readonly long?: boolean;
}

export function addTopicsCommand(program: Command, session: Session): void {
  program
    .command('topics')
    .summary('list the topics')
    .description(
      'Lists the topics in the order of their names: how much each holds and when it was last written to.\n' +
        'AGE is the time since then, by the clock of this machine.',
    )
    .argument('[prefix]', 'only topics whose names begin so')
    .option('-l, --long', 'also how many cursors each has, and how far the last of them is behind the head')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', `\nExamples:\n  $ leat topics --long\n  $ leat topics orders/ --json | jq -r .topic`)
    .action((prefix: string | undefined, _options: unknown, command: Command) =>
      topics(session, prefix, command.optsWithGlobals<TopicsOptions>()),
    );
}

async function topics(session: Session, prefix: string | undefined, options: TopicsOptions): Promise<void> {
  const { events } = session.client(options);
  let first = true;
  for await (const page of pages(events, prefix, session.signal)) {
    const described: DescribedTopic[] = [];
    for (const topic of page) {
      described.push(options.long ? await describe(events, topic, session.signal) : { topic });
    }
    const text = options.json
      ? described.map(formatJson).join('')
      : formatPage(described, options.long ?? false, first, session.paint);
    await session.output.write(text, session.signal);
    first = false;
  }
}

interface DescribedTopic {
  readonly topic: Topic;
  /** Undefined if nobody asked for them. */
  readonly cursors?: readonly Cursor[];
}

/** A topic that is gone by now is told as it was, without cursors. */
async function describe(events: EventServiceClient, listed: Topic, signal: AbortSignal): Promise<DescribedTopic> {
  try {
    const { topic = listed, cursors } = await events.getTopic({ topic: listed.topic }, { signal });
    return { topic, cursors };
  } catch (error) {
    if (readCallFailure(error)?.reason === 'TOPIC_NOT_FOUND') return { topic: listed, cursors: [] };
    throw error;
  }
}

async function* pages(events: EventServiceClient, prefix: string | undefined, signal: AbortSignal) {
  let pageToken = '';
  do {
    const page = await events.listTopics({ prefix, pageToken }, { signal });
    pageToken = page.nextPageToken;
    yield page.topics;
  } while (pageToken !== '');
}

function formatJson({ topic, cursors }: DescribedTopic): string {
  const zeros = { topic: '', firstOffset: '0', headOffset: '0', storedBytes: '0' };
  const readers = cursors && { cursors: cursors.map((cursor) => cursorFields(cursor, topic.headOffset)) };
  return `${escapeJson(JSON.stringify({ ...zeros, ...(Topic.toJSON(topic) as object), ...readers }))}\n`;
}

function formatPage(page: readonly DescribedTopic[], long: boolean, first: boolean, paint: Paint): string {
  const now = Date.now();
  const rows = page.map(({ topic, cursors = [] }) => [
    topic.topic,
    String(topic.headOffset - topic.firstOffset + 1n),
    String(topic.firstOffset),
    String(topic.headOffset),
    formatBytes(Number(topic.storedBytes)),
    formatTime(topic.lastCommitTime),
    formatAge(topic.lastCommitTime, now),
    ...(long ? [String(cursors.length), maxLag(cursors, topic.headOffset)] : []),
  ]);
  const header = ['TOPIC', 'EVENTS', 'FIRST', 'HEAD', 'SIZE', 'LAST COMMIT', 'AGE'];
  return formatTable(long ? [...header, 'CURSORS', 'MAX LAG'] : header, rows, first, paint);
}

function maxLag(cursors: readonly Cursor[], headOffset: bigint): string {
  if (cursors.length === 0) return '-';
  return String(cursors.map((cursor) => lagOf(cursor, headOffset)).reduce((most, lag) => (lag > most ? lag : most)));
}
