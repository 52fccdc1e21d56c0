import type { Command } from 'commander';
import { Topic, type EventServiceClient } from '../../gen/leat/v1/event_service.js';
import { escapeJson } from './escape-text.js';
import { formatTable } from './format-table.js';
import { formatTime } from './format-time.js';
import type { GlobalOptions, Session } from './session.js';

interface TopicsOptions extends GlobalOptions {
  readonly json?: boolean;
}

export function addTopicsCommand(program: Command, session: Session): void {
  program
    .command('topics')
    .summary('list the topics')
    .description('Lists the topics in the order of their names: how much each holds and when it was last written to.')
    .argument('[prefix]', 'only topics whose names begin so')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', `\nExamples:\n  $ leat topics\n  $ leat topics orders/ --json | jq -r .topic`)
    .action((prefix: string | undefined, _options: unknown, command: Command) =>
      topics(session, prefix, command.optsWithGlobals<TopicsOptions>()),
    );
}

async function topics(session: Session, prefix: string | undefined, options: TopicsOptions): Promise<void> {
  const { events } = session.client(options);
  let first = true;
  for await (const page of pages(events, prefix, session.signal)) {
    await session.output.write(options.json ? page.map(formatJson).join('') : formatPage(page, first), session.signal);
    first = false;
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

function formatJson(topic: Topic): string {
  const zeros = { topic: '', firstOffset: '0', headOffset: '0', storedBytes: '0' };
  return `${escapeJson(JSON.stringify({ ...zeros, ...(Topic.toJSON(topic) as object) }))}\n`;
}

function formatPage(page: readonly Topic[], first: boolean): string {
  const rows = page.map(({ topic, firstOffset, headOffset, storedBytes, lastCommitTime }) => [
    topic,
    String(headOffset - firstOffset + 1n),
    String(firstOffset),
    String(headOffset),
    String(storedBytes),
    formatTime(lastCommitTime),
  ]);
  return formatTable(['TOPIC', 'EVENTS', 'FIRST', 'HEAD', 'BYTES', 'LAST COMMIT'], rows, first);
}
