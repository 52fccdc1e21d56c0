import { delay } from 'abort-controller-x';
import * as Y from 'yjs';
import type { JoinedRoom, RoomMessage, Rooms } from '../chat/chat-options.js';
import { LeatError } from '../leat-error.js';
import { linkSignals } from '../link-signals.js';
import { linkAwareness } from './awareness-link.js';
import { createBacklog } from './backlog.js';
import { createDocumentLog, missingIn } from './document-log.js';
import { findStart, type DocumentStart } from './find-start.js';
import type { MessageLimit } from './message-limit.js';
import { sendWhole } from './send-whole.js';
import { COVERS, SNAPSHOT, UPDATE } from './snapshots.js';
import { incomplete, notAnUpdate, notSynced } from './yjs-errors.js';
import type { UpdateQueue } from './update-queue.js';
import type { YjsOptions } from './yjs-options.js';

/** One stay in a document's room: from its newest snapshot to whatever ends it. */
export interface Stay {
  readonly room: JoinedRoom;
  /** Reads and writes until the room ends, and throws what ended it. */
  live(): Promise<void>;
  compact(): Promise<void>;
  /** Stops, and frees everything. */
  leave(): Promise<void>;
}

export interface StayDeps {
  readonly options: YjsOptions;
  readonly rooms: Rooms;
  readonly queue: UpdateQueue;
  readonly limit: MessageLimit;
  /** Of the transactions in which what came from the room is applied. */
  readonly origin: object;
  /** The document may have what the room has not, from before, and not only from the queue. */
  readonly isAhead: boolean;
  readonly signal: AbortSignal;
  readonly onSynced: () => void;
  readonly onProblem: (error: LeatError) => void;
}

/** Members whose backlog is due at the same time wait for up to so long, in milliseconds, whether another one is first. */
const COMPACT_SPREAD_MS = 2_000;

/** Applies the newest snapshot, and enters the room behind it. */
export async function enterDocument(deps: StayDeps): Promise<Stay> {
  const { options, rooms, signal } = deps;
  const start = await findStart(options.client, topicOf(options), signal);
  if (start.isIncomplete) deps.onProblem(incomplete(start));
  const room = rooms.join(options.room, {
    start: { resumeToken: start.resumeToken },
    hidden: options.hidden,
    onProblem: deps.onProblem,
  });
  return createStay(deps, start, room);
}

function createStay(deps: StayDeps, start: DocumentStart, room: JoinedRoom): Stay {
  const { options, rooms, queue, limit, origin, onProblem } = deps;
  const { client, doc, batchMs = 20, compactAfter = 500 } = options;
  const stop = linkSignals(deps.signal);
  const { signal } = stop;
  const log = createDocumentLog(start.afterOffset);
  const backlog = createBacklog(compactAfter);
  /** The document as the room alone has it, as long as that is of interest. */
  let shadow = deps.isAhead ? new Y.Doc() : undefined;
  let offset = start.afterOffset;
  let isSynced = false;
  let isWaitingForTurn = false;
  let compacting: Promise<void> | undefined;
  /** The most that a snapshot covers, as far as is known here. */
  let covered = start.afterOffset;

  function apply(update: Uint8Array): void {
    try {
      Y.applyUpdate(doc, update, origin);
      if (shadow !== undefined) Y.applyUpdate(shadow, update);
    } catch (cause) {
      onProblem(notAnUpdate(offset, cause));
    }
  }

  function take(message: RoomMessage): void {
    ({ offset } = message);
    const entry = log.read(message);
    if (entry?.kind === 'update') {
      apply(entry.bytes);
      backlog.update(entry.bytes.length);
    } else if (entry?.kind === 'snapshot') {
      backlog.snapshot(entry.snapshot.update.length);
      if (entry.snapshot.covers > covered) ({ covers: covered } = entry.snapshot);
    }
  }

  function reached(head: bigint): void {
    if (isSynced || offset < head) return;
    isSynced = true;
    const missing = shadow && missingIn(shadow, doc);
    shadow?.destroy();
    shadow = undefined;
    if (missing !== undefined) queue.push(missing);
    deps.onSynced();
  }

  async function read(): Promise<void> {
    await room.joined;
    const { headOffset } = room.snapshot();
    reached(headOffset);
    for await (const message of room.messages) {
      take(message);
      reached(headOffset);
      if (isSynced && backlog.isDue) void compactInTurn();
    }
    // They end when the room is left.
    await room.ended;
  }

  async function write(): Promise<void> {
    for (;;) {
      await queue.due(batchMs, signal);
      await queue.flush((update) => sendWhole(rooms, room, update, { type: UPDATE, limit, signal }));
    }
  }

  async function compactInTurn(): Promise<void> {
    if (isWaitingForTurn) return;
    isWaitingForTurn = true;
    try {
      await delay(signal, Math.random() * COMPACT_SPREAD_MS);
      // An update of which parts are missing may hold up all others, for a while.
      if (backlog.isDue && log.covers > covered) await compact();
    } catch (error) {
      if (!signal.aborted) onProblem(LeatError.from(error));
    } finally {
      isWaitingForTurn = false;
    }
  }

  /** One at a time: whoever asks meanwhile is given the one that is under way. */
  function compact(): Promise<void> {
    compacting ??= writeSnapshot().finally(() => (compacting = undefined));
    return compacting;
  }

  async function writeSnapshot(): Promise<void> {
    if (!isSynced) throw notSynced();
    // Together, with nothing in between: the document has all that it claims to cover.
    const { covers } = log;
    const update = Y.encodeStateAsUpdate(doc);
    const attributes = { [COVERS]: String(covers) };
    await sendWhole(rooms, room, update, { type: SNAPSHOT, limit, attributes, signal });
    if (options.trim === false) return;
    // Now it is durable, and whoever begins later begins with it.
    const { resumeToken } = start;
    await client.events.trimTopic({ topic: topicOf(options), beforeOffset: covers + 1n, resumeToken }, { signal });
  }

  if (start.update !== undefined) {
    apply(start.update);
    backlog.snapshot(start.update.length);
  }
  const unlink = options.awareness && linkAwareness(options.awareness, room);
  return {
    room,
    compact,
    async live() {
      // When the room ends, both do: reading with its messages, writing with its sends.
      await Promise.race([read(), write()]);
    },
    async leave() {
      stop.abort();
      stop.unlink();
      unlink?.();
      shadow?.destroy();
      await room.leave();
    },
  };
}

function topicOf({ room }: YjsOptions): string {
  return `rooms/${room}`;
}
