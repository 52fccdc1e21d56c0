import type { Awareness } from 'y-protocols/awareness';
import type { Doc } from 'yjs';
import type { Rooms } from '../chat/chat-options.js';
import type { Store } from '../chat/observable.js';
import type { LeatClient } from '../create-client.js';
import type { LeatError } from '../leat-error.js';

export interface YjsOptions {
  readonly client: LeatClient;
  /** The room that belongs to the document, and to nothing else: compaction gives up its older messages. */
  readonly room: string;
  readonly doc: Doc;
  /** A stream to share with other rooms and documents. Default: one of its own. */
  readonly rooms?: Rooms;
  /** Who is there, and where their cursors are, told as live state. Default: it is not told. */
  readonly awareness?: Awareness;
  /** Ends it at once, with an AbortError; `destroy` is the polite way. */
  readonly signal?: AbortSignal;
  /** True: take part without being announced to others. Default: false. */
  readonly hidden?: boolean;
  /** Changes of so many milliseconds are one message. Default: 20. */
  readonly batchMs?: number;
  /** Writes a snapshot when the room has so many updates, or up to twice as many, since the last; 0: never. Default: 500. */
  readonly compactAfter?: number;
  /** Gives up what a durable snapshot includes. Default: true. */
  readonly trim?: boolean;
  /**
   * Larger updates are sent in several messages. If the service takes only smaller ones (`--max-event-size`), the provider
   * uses the limit that it reports. Default: 128 KiB.
   */
  readonly maxMessageBytes?: number;
  /** Told about messages that are no updates, and compaction that failed; it goes on. Default: nobody is. */
  readonly onProblem?: (error: LeatError) => void;
}

/**
 * - `connecting`: the document is not complete yet.
 * - `synced`: it has everything that the room had, and gets what is new.
 * - `offline`: it was synced, and the connection is lost; changes are kept and sent later.
 * - `ended`: destroyed, or `error` says why.
 */
export type YjsState = 'connecting' | 'synced' | 'offline' | 'ended';

export interface YjsStatus {
  readonly state: YjsState;
  /** True if every change that was made here is durable. */
  readonly isSaved: boolean;
  readonly error?: LeatError;
}

/** Keeps a document and a room the same. */
export interface YjsProvider extends Store<YjsStatus> {
  readonly doc: Doc;
  readonly awareness?: Awareness;
  /** Resolves when the document has everything that the room had; rejects with what ended it before. */
  readonly synced: Promise<void>;
  /** Resolves when it was destroyed; rejects with what ended it otherwise: a LeatError, or AbortError. */
  readonly ended: Promise<void>;
  /** Resolves when every change made so far is durable; rejects with what ended it. */
  saved(): Promise<void>;
  /**
   * Writes a snapshot of all of the document, and gives up what it includes, unless `trim` is false. Concurrent editors
   * lose nothing. Rejects before it is synced, and with what went wrong.
   */
  compact(): Promise<void>;
  /** Sends what is left, as long as there is a connection and for 5 seconds at most, and frees everything but the document. */
  destroy(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
