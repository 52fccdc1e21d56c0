import type { Event } from '../../../gen/leat/v1/event.js';
import type { DeepPartial } from '../../../gen/leat/v1/event_service.js';
import type { Setback } from '../attempts.js';
import type { BackoffOptions } from '../backoff.js';
import type { PublishTotals } from './totals.js';

/** An event to publish: `type` is required, all else is optional. */
export type PublishInput = DeepPartial<Event>;

export interface PublishOptions {
  /**
   * Numbers the events of the source, so that each is appended once however often it is sent. A name of one's own, 1 to
   * 128 characters, makes that last over runs of the program: see `firstSequence`. Default: a fresh one.
   */
  readonly producerId?: string;
  /**
   * With a producerId: the number of the source's first event. The default, 1, is for a source that has all events from
   * the producer's first one on, such as a file: those that are durable are passed over, and only the last of them is
   * sent again, so that another source under the same name is refused (SEQUENCE_REUSED). 'next' is for a source of what
   * is new: it goes on where the producer is, and what was sent without an answer has to be left out by the source.
   */
  readonly firstSequence?: bigint | number | 'next';
  /**
   * What makes a repeated event harmless. 'producer': its number in the source. 'id': its `id`, which every event needs
   * then, and which is compared with those of other runs and writers too. Default: 'producer'.
   */
  readonly by?: 'producer' | 'id';
  /** A batch is sent when it has so many bytes, encoded; at most 1 MiB. One larger event goes alone. Default: 256 KiB. */
  readonly batchBytes?: number;
  /** … or so many events, at most 10,000. Default: 1,000. */
  readonly batchEvents?: number;
  /** … or is so old, in milliseconds. Default: 10. */
  readonly batchMs?: number;
  /** A call ends, and its events become certain, after so many bytes; what is held for a retry. Default: 4 MiB. */
  readonly callBytes?: number;
  /** … or after so many milliseconds. Default: 1,000. */
  readonly callMs?: number;
  /** Called whenever more has become durable. */
  readonly onProgress?: (totals: PublishTotals) => void;
  /** Called before each wait for another try. */
  readonly onSetback?: (setback: Setback) => void;
  /** Ends the publishing with an AbortError: what was sent since the last `onProgress` may be durable or not. */
  readonly signal?: AbortSignal;
  readonly backoff?: BackoffOptions;
  /** Tries in a row that may fail before their failure is thrown. Default: no limit. */
  readonly maxAttempts?: number;
}

/** What has become of it all. */
export interface PublishResult extends PublishTotals {
  /** The producer; undefined if ids were used. After a topic has trimmed all of its events it may be a later one. */
  readonly producerId?: string;
}
