import { delay } from 'abort-controller-x';
import type { Topic } from '../../gen/leat/v1/event_service.js';
import { readCallFailure } from './call-failure.js';
import { createConnectionNotices } from './connection-notices.js';
import { describeTopics, type DescribedTopic } from './describe-topics.js';
import { formatTable } from './format-table.js';
import { formatTopicJson, topicColumns, topicRow, type TopicRates } from './format-topics.js';
import { createRateMeter } from './rate-meter.js';
import { screenSize } from './screen-size.js';
import type { GlobalOptions, Session } from './session.js';
import { fitLine } from './text-width.js';

export interface WatchOptions extends GlobalOptions {
  readonly json?: boolean;
  readonly long?: boolean;
  /** Between two looks, in milliseconds. */
  readonly interval: number;
}

/** The whole screen, from its first cell. */
const CLEAR_SCREEN = '\u001b[H\u001b[J';

/**
 * Shows all topics again and again, with how fast they grow: on a terminal in a table that fills the screen, otherwise
 * as lines of JSON. Ends with AbortError when the session does, and with the failure of the first look; later a service
 * that is away is waited for.
 */
export async function watchTopics(session: Session, prefix: string | undefined, options: WatchOptions): Promise<void> {
  const { signal, terminal } = session;
  const { events } = session.client(options);
  const asTable = terminal.stdout.isTTY === true && options.json !== true;
  const rates = createTopicRates();
  const connection = createConnectionNotices(session.notice, 'looking again');
  for (let looks = 0; ; looks++) {
    try {
      const rows: (readonly [DescribedTopic, TopicRates])[] = [];
      for await (const page of describeTopics(events, { prefix, long: options.long, signal })) {
        rows.push(...page.map((described) => [described, rates.note(described.topic)] as const));
      }
      rates.forgetOthers();
      connection.back();
      await session.output.write(asTable ? formatScreen(session, rows, options) : formatLines(rows), signal);
    } catch (error) {
      const failure = readCallFailure(error);
      if (looks === 0 || failure?.retryable !== true) throw error;
      connection.lost({ error: failure, delayMs: options.interval });
    }
    await delay(signal, options.interval);
  }
}

/** Rates of each topic over the last seconds. */
function createTopicRates() {
  const create = () => ({ events: createRateMeter(), bytes: createRateMeter() });
  let known = new Map<string, ReturnType<typeof create>>();
  let seen: typeof known = new Map();
  const growth = (rate: number | undefined) => (rate === undefined || rate < 0 ? undefined : rate);
  return {
    note({ topic, headOffset, storedBytes }: Topic): TopicRates {
      const meters = known.get(topic) ?? create();
      seen.set(topic, meters);
      const nowMs = performance.now();
      return {
        events: growth(meters.events.note(Number(headOffset), nowMs)),
        // What is trimmed leaves the disk later, in steps: then there is no telling what came.
        bytes: growth(meters.bytes.note(Number(storedBytes), nowMs)),
      };
    },
    /** Drops what was not noted since the last time. */
    forgetOthers() {
      known = seen;
      seen = new Map();
    },
  };
}

type Row = readonly [DescribedTopic, TopicRates];

function formatLines(rows: readonly Row[]): string {
  const at = new Date().toISOString();
  return rows
    .map(([described, { events, bytes }]) =>
      formatTopicJson(described, { at, eventsPerSecond: rounded(events), bytesPerSecond: rounded(bytes) }),
    )
    .join('');
}

/** No longer and no wider than the terminal: what scrolls away could not be drawn over. */
function formatScreen({ paint, terminal }: Session, rows: readonly Row[], { long, interval }: WatchOptions): string {
  const { columns, rows: height } = screenSize(terminal.stdout);
  const now = Date.now();
  const status = `${rows.length} ${rows.length === 1 ? 'topic' : 'topics'}  every ${interval / 1000} s  Ctrl-C ends`;
  const table = formatTable(
    topicColumns({ long, watch: true }),
    rows.map(([described, rates]) => topicRow(described, now, rates)),
    { columns },
  );
  const [heading = '', ...lines] = table.split('\n').slice(0, -1);
  const room = Math.max(1, height - 4);
  const more = lines.length > room ? [`and ${lines.length - room} more: give a prefix`] : [];
  const shown = [
    fitLine(status, columns),
    heading,
    ...lines.slice(0, room),
    ...more.map((line) => fitLine(line, columns)),
  ];
  return `${CLEAR_SCREEN}${shown.map((line, index) => (index === 1 ? paint('heading', line) : line)).join('\n')}\n`;
}

function rounded(rate: number | undefined): number | undefined {
  return rate === undefined ? undefined : Math.round(rate * 10) / 10;
}
