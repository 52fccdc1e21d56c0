import type { Event } from '../../../gen/leat/v1/event.js';
import type { MessageInput, RoomMessage } from '../chat/chat-options.js';

/** An update of a document, however many messages it took. */
export interface Whole {
  readonly bytes: Uint8Array;
  /** Attributes of the messages. */
  readonly attributes: ReadonlyMap<string, string>;
}

/** Which piece this is, from 1, and of how many: "2/5". Absent: all of it. */
const PART = 'part';

/** Whose piece. */
const GROUP = 'group';

/** A group that will not become whole: this one has its bytes. */
const INSTEAD = 'instead';

/** Messages that carry the bytes, in pieces of at most `maxBytes`. */
export function splitIntoParts(
  type: string,
  bytes: Uint8Array,
  { maxBytes, group, instead, attributes = {} }: SplitOptions,
): MessageInput[] {
  const count = Math.max(1, Math.ceil(bytes.length / maxBytes));
  const others = instead === undefined ? attributes : { ...attributes, [INSTEAD]: instead };
  return Array.from({ length: count }, (_none, index) => {
    const part = count === 1 ? {} : { [PART]: `${index + 1}/${count}`, [GROUP]: group };
    const value = bytes.subarray(index * maxBytes, (index + 1) * maxBytes);
    return {
      type,
      payload: { $case: 'data', value },
      attributes: new Map(Object.entries({ ...others, ...part })),
    } satisfies MessageInput;
  });
}

export interface SplitOptions {
  readonly maxBytes: number;
  /** A name that no other update of the room has. */
  readonly group: string;
  /** The group that these messages are sent instead of; nothing of it is sent any more. */
  readonly instead?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** A message, as far as pieces are concerned. */
export type PartMessage = Pick<RoomMessage, 'offset' | 'author' | 'event' | 'commitTime'>;

/** Puts pieces together, in whatever order they come: a piece that was refused for a moment comes behind the next. */
export interface Assembly {
  /** What is whole with this message; undefined if more has to come, or if it is no piece that fits. */
  add(message: PartMessage): Whole | undefined;
  /** The offset of the first piece of all that are not whole; undefined if there are none. */
  readonly firstOpen: bigint | undefined;
}

/**
 * Pieces whose update is not whole so long after the first of them, in seconds by the service's clock, belong to a
 * writer that is gone. One that is not sends all of them again when it took longer than `RESEND_AFTER_MS`.
 */
const ABANDONED_AFTER_S = 600n;
export const RESEND_AFTER_MS = 300_000;

interface Open {
  readonly firstOffset: bigint;
  readonly since: bigint;
  readonly pieces: Map<number, Uint8Array>;
}

export function createAssembly(): Assembly {
  const open = new Map<string, Open>();

  function forget(now: bigint): void {
    for (const [key, { since }] of open) if (now - since > ABANDONED_AFTER_S) open.delete(key);
  }

  return {
    get firstOpen() {
      return [...open.values()].reduce<bigint | undefined>(
        (least, { firstOffset }) => (least === undefined || firstOffset < least ? firstOffset : least),
        undefined,
      );
    },
    add({ offset, author, event, commitTime }) {
      const now = commitTime?.seconds ?? 0n;
      forget(now);
      const replaced = event.attributes.get(INSTEAD);
      if (replaced !== undefined) open.delete(keyOf(author, replaced));
      const bytes = dataOf(event);
      const [index, count] = (event.attributes.get(PART) ?? '1/1').split('/').map(Number);
      if (bytes === undefined || index === undefined || count === undefined) return undefined;
      if (count === 1) return { bytes, attributes: event.attributes };
      const key = keyOf(author, event.attributes.get(GROUP));
      const { firstOffset, since, pieces } = open.get(key) ?? { firstOffset: offset, since: now, pieces: new Map() };
      pieces.set(index, bytes);
      open.set(key, { firstOffset, since, pieces });
      if (pieces.size < count) return undefined;
      open.delete(key);
      return { bytes: join(pieces), attributes: event.attributes };
    },
  };
}

function keyOf(author: string, group: string | undefined): string {
  return `${author}\n${group}`;
}

function join(pieces: ReadonlyMap<number, Uint8Array>): Uint8Array {
  return Buffer.concat([...pieces].sort(([a], [b]) => a - b).map(([, piece]) => piece));
}

function dataOf({ payload }: Event): Uint8Array | undefined {
  return payload?.$case === 'data' ? payload.value : undefined;
}
