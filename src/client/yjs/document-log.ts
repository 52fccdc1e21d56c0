import * as Y from 'yjs';
import { createAssembly, type PartMessage } from './parts.js';
import { readSnapshot, SNAPSHOT, UPDATE, type Snapshot } from './snapshots.js';

/** What a message of a room means for its document. */
export type LogEntry =
  | { readonly kind: 'update'; readonly bytes: Uint8Array }
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  /** A piece of something, or nothing of the document's. */
  | undefined;

/** The messages of a room from one offset on, as they make up its document. */
export interface DocumentLog {
  /** Messages up to this offset are in what was returned so far, all of them. */
  readonly covers: bigint;
  read(message: PartMessage): LogEntry;
}

export function createDocumentLog(afterOffset: bigint): DocumentLog {
  const updates = createAssembly();
  const snapshots = createAssembly();
  let last = afterOffset;
  return {
    get covers() {
      // The first piece of an update that is not whole has to stay.
      return updates.firstOpen === undefined ? last : updates.firstOpen - 1n;
    },
    read(message) {
      last = message.offset;
      if (message.event.type === SNAPSHOT) {
        const snapshot = readSnapshot(snapshots, message);
        return snapshot && { kind: 'snapshot', snapshot };
      }
      const whole = message.event.type === UPDATE ? updates.add(message) : undefined;
      return whole && { kind: 'update', bytes: whole.bytes };
    },
  };
}

/** What `doc` has and the log has not; undefined if that is nothing. `log` is a document made from the log alone. */
export function missingIn(log: Y.Doc, doc: Y.Doc): Uint8Array | undefined {
  if (Y.equalSnapshots(Y.snapshot(log), Y.snapshot(doc))) return undefined;
  return Y.encodeStateAsUpdate(doc, Y.encodeStateVector(log));
}
