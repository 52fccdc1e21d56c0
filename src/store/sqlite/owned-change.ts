import type { Change } from '../store.js';

/** What a change costs besides its bytes, so that many small ones are bounded too. */
const OVERHEAD = 512;

/** The change with bytes of its own, so that they can move to the writer's thread and callers may reuse theirs. */
export function ownBytes(change: Change): Change {
  switch (change.kind) {
    case 'append-events':
      return { ...change, events: { ...change.events, bytes: new Uint8Array(change.events.bytes) } };
    case 'put-user':
      return {
        ...change,
        record: new Uint8Array(change.record),
        createDigest: new Uint8Array(change.createDigest),
        event: { ...change.event, bytes: new Uint8Array(change.event.bytes) },
      };
    case 'remove-user':
    case 'remove-blob':
      return { ...change, event: { ...change.event, bytes: new Uint8Array(change.event.bytes) } };
    case 'start-upload':
      return { ...change, record: new Uint8Array(change.record) };
    case 'complete-upload':
      return {
        ...change,
        record: new Uint8Array(change.record),
        checksums: new Uint8Array(change.checksums),
        event: { ...change.event, bytes: new Uint8Array(change.event.bytes) },
      };
    default:
      return change;
  }
}

/** Bytes that the change holds in memory, about. */
export function changeSize(change: Change): number {
  const checksums = change.kind === 'complete-upload' ? change.checksums.byteLength : 0;
  return OVERHEAD + (eventBytes(change)?.byteLength ?? 0) + checksums;
}

/** Work of the writer for one event, in bytes that it could write in that time: most of it is the same for any size. */
const EVENT_WORK = 1024;

/** The writer's work for a change, about, in bytes that it could write in that time. */
export function changeWork(change: Change | { readonly events: number; readonly bytes: number }): number {
  if (!('kind' in change)) return OVERHEAD + change.bytes + change.events * EVENT_WORK;
  return changeSize(change) + (change.kind === 'append-events' ? change.events.count : 1) * EVENT_WORK;
}

/** What can move to another thread without a copy; each can do so once. */
export function transferables(changes: readonly Change[]): ArrayBuffer[] {
  return changes.flatMap((change) => (eventBytes(change)?.buffer as ArrayBuffer | undefined) ?? []);
}

function eventBytes(change: Change): Uint8Array | undefined {
  if (change.kind === 'append-events') return change.events.bytes;
  return 'event' in change ? change.event.bytes : undefined;
}
