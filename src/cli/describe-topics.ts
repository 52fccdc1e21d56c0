import type { Cursor, EventServiceClient, Topic } from '../../gen/leat/v1/event_service.js';
import { readCallFailure } from './call-failure.js';

export interface DescribedTopic {
  readonly topic: Topic;
  /** Undefined if nobody asked for them. */
  readonly cursors?: readonly Cursor[];
}

export interface DescribeOptions {
  /** Only topics whose names begin so. */
  readonly prefix?: string;
  /** Cursors too, at the price of a call for each topic. */
  readonly long?: boolean;
  readonly signal: AbortSignal;
}

/** All topics in the order of their names, a page at a time. */
export async function* describeTopics(
  events: EventServiceClient,
  { prefix, long = false, signal }: DescribeOptions,
): AsyncGenerator<DescribedTopic[], void, undefined> {
  let pageToken = '';
  do {
    const page = await events.listTopics({ prefix, pageToken }, { signal });
    pageToken = page.nextPageToken;
    const described: DescribedTopic[] = [];
    for (const topic of page.topics) described.push(long ? await withCursors(events, topic, signal) : { topic });
    yield described;
  } while (pageToken !== '');
}

/** A topic that is gone by now is told as it was, without cursors. */
async function withCursors(events: EventServiceClient, listed: Topic, signal: AbortSignal): Promise<DescribedTopic> {
  try {
    const { topic = listed, cursors } = await events.getTopic({ topic: listed.topic }, { signal });
    return { topic, cursors };
  } catch (error) {
    if (readCallFailure(error)?.reason === 'TOPIC_NOT_FOUND') return { topic: listed, cursors: [] };
    throw error;
  }
}
