import type { JoinRoom } from '../../../gen/leat/v1/chat_service.js';
import type { CursorInfo, Store } from '../../store/store.js';
import { startReading } from '../events/start-reading.js';
import { createTokenCodec } from '../tokens.js';
import { readJoin } from './chat-requests.js';
import type { Rooms } from './rooms.js';
import { topicOf } from './room-name.js';

/** What has to be read before somebody can enter a room. */
export interface Entrance {
  /** The member reads on after this offset. */
  readonly after: number;
  /** Commit time of the message there, in milliseconds; 0 if it is not kept. */
  readonly afterTimeMs: number;
  /** The room's last offset. */
  readonly head: number;
  /** The room's named cursors; undefined if the room is open already. */
  readonly cursors: readonly CursorInfo[] | undefined;
}

/**
 * Finds where in the messages a member begins, and that there is something to read from.
 * Errors: `invalid` for a bad start, `out-of-range` OFFSET_TRIMMED and OFFSET_BEYOND_HEAD, `precondition` EPOCH_CHANGED.
 */
export async function findEntrance(store: Store, rooms: Rooms, join: JoinRoom): Promise<Entrance> {
  const tokens = createTokenCodec({ epoch: store.epoch, kind: 'events', subject: topicOf(join.room) });
  const query = readJoin(join, tokens);
  const { after, source } = await startReading(store, query);
  // One message is enough to know; where there was a trim meanwhile, it is not the one behind `after`.
  const page = await source.readPage(after, { limit: 1 });
  const from = page.scannedTo - page.count;
  const afterTimeMs = await store.commitTime(query.topic, from);
  const cursors = rooms.find(join.room) ? undefined : await store.listCursors(query.topic);
  return { after: from, afterTimeMs, head: page.head, cursors };
}
