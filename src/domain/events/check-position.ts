import type { Store } from '../../store/store.js';
import { DomainError } from '../errors.js';
import type { TokenPlace } from '../tokens.js';

/**
 * Checks that a token's offset still is the event that it was when the token was given. A store that was restored from
 * a backup without a new epoch gives the same offsets out again, to other events. What is trimmed cannot be checked.
 * `field` is the token's path in the request.
 * Errors: `precondition` EPOCH_CHANGED.
 */
export async function checkPosition(store: Store, topic: string, field: string, place: TokenPlace): Promise<void> {
  const { offset, commitTimeMs } = place;
  if (commitTimeMs === undefined) return;
  const stored = await store.commitTime(topic, offset);
  if (stored !== 0 && stored !== commitTimeMs) throw otherLog(topic, field, offset);
}

/**
 * As `checkPosition`, of the snapshot that a list began with; one beyond the head is of another log, too. Returns the
 * place with which the list goes on.
 */
export async function checkSnapshot(store: Store, topic: string, place: TokenPlace | undefined): Promise<TokenPlace> {
  const head = (await store.topic(topic))?.headOffset ?? 0;
  if (!place) return { offset: head, key: '', commitTimeMs: await store.commitTime(topic, head) };
  if (place.offset > head) throw otherLog(topic, 'page_token', place.offset);
  await checkPosition(store, topic, 'page_token', place);
  return place;
}

function otherLog(topic: string, field: string, offset: number): DomainError {
  return new DomainError(
    'precondition',
    'EPOCH_CHANGED',
    `${field}: topic "${topic}" holds another event at offset ${offset} than when this token was given, because the ` +
      'store was restored from a backup; leave it out to begin anew',
    { metadata: { topic, offset: `${offset}` } },
  );
}
