import { isAbortError } from 'abort-controller-x';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { describeTopics } from './describe-topics.js';
import { formatTable, tableStyle } from './format-table.js';
import { formatTopicJson, topicColumns, topicRow } from './format-topics.js';
import type { Session } from './session.js';
import { watchTopics, type WatchOptions } from './watch-topics.js';

interface TopicsOptions extends WatchOptions {
  readonly watch?: boolean;
}

export function addTopicsCommand(program: Command, session: Session): void {
  program
    .command('topics')
    .summary('list the topics, and watch them grow')
    .description(
      'Lists the topics in the order of their names: how much each holds and when it was last written to.\n' +
        'AGE is the time since then, by the clock of this machine. With --watch it does so again and again, with the\n' +
        'rates of the last seconds: as a table on a terminal, otherwise as lines of JSON. Ctrl-C ends it.',
    )
    .argument('[prefix]', 'only topics whose names begin so')
    .option('-l, --long', 'also how many cursors each has, and how far the last of them is behind the head')
    .option('-w, --watch', 'stay, and show events and bytes per second')
    .addOption(
      new Option('--interval <seconds>', 'time between two looks of --watch')
        .argParser(parseInterval)
        .default(2_000, '2'),
    )
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', examples)
    .action((prefix: string | undefined, _options: unknown, command: Command) =>
      topics(session, prefix, command.optsWithGlobals<TopicsOptions>()),
    );
}

const examples = `
Examples:
  $ leat topics --long
  $ leat topics orders/ --json | jq -r .topic
  $ leat topics --watch --long
  $ leat topics --watch | jq -r 'select(.eventsPerSecond > 1000) | .topic'`;

async function topics(session: Session, prefix: string | undefined, options: TopicsOptions): Promise<void> {
  if (options.watch !== true) return list(session, prefix, options);
  session.endWithReader();
  try {
    await watchTopics(session, prefix, options);
  } catch (error) {
    // There is no other end to it.
    if (!isAbortError(error)) throw error;
  }
}

async function list(session: Session, prefix: string | undefined, { long, json, ...options }: TopicsOptions) {
  const { signal } = session;
  const { events } = session.client(options);
  let first = true;
  for await (const page of describeTopics(events, { prefix, long, signal })) {
    const now = Date.now();
    const text = json
      ? page.map((described) => formatTopicJson(described)).join('')
      : formatTable(
          topicColumns({ long }),
          page.map((described) => topicRow(described, now)),
          tableStyle(session, first),
        );
    await session.output.write(text, signal);
    if (page.length > 0) first = false;
  }
  if (first && prefix !== undefined) session.notice(`no topic has a name that begins with "${prefix}"`);
}

/** Seconds on the command line, milliseconds inside. */
function parseInterval(text: string): number {
  const seconds = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (!(seconds >= 0.1 && seconds <= 3_600)) throw new InvalidArgumentError('Give seconds, 0.1 to 3600.');
  return seconds * 1_000;
}
