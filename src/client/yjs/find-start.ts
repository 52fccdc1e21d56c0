import { persevere } from '../attempts.js';
import type { LeatClient } from '../create-client.js';
import { locateStart } from '../follow/find-place.js';
import type { PlainStart } from '../follow/follow-request.js';
import { LeatError } from '../leat-error.js';
import { findSnapshot } from './snapshots.js';

/** Where a reader of a document begins. */
export interface DocumentStart {
  /** All of the document up to `afterOffset`; undefined if nothing was given up so far. */
  readonly update: Uint8Array | undefined;
  readonly afterOffset: bigint;
  /** The position of `afterOffset`: an offset alone would mean something else in a store that was restored meanwhile. */
  readonly resumeToken: string;
  /** True if something was given up that no snapshot includes: somebody else has trimmed the room. */
  readonly isIncomplete: boolean;
}

/**
 * The newest snapshot, and what comes behind it. Waits for a service that is away.
 * Errors: EPOCH_CHANGED if the store was restored from a backup meanwhile, OFFSET_TRIMMED, OFFSET_BEYOND_HEAD.
 */
export async function findStart(client: LeatClient, topic: string, signal: AbortSignal): Promise<DocumentStart> {
  const locate = (start: PlainStart) => locateStart(client.events, topic, start, { signal });
  const before = await locate('first');
  const found = await findOffset(client, topic, signal);
  const { token: resumeToken } = await locate({ afterOffset: found.afterOffset });
  // If this is still a position, all of it was found in one store.
  await locate({ resumeToken: before.token }).catch((error: unknown) => {
    if (!(error instanceof LeatError) || error.reason !== 'OFFSET_TRIMMED') throw error;
  });
  return { ...found, resumeToken };
}

async function findOffset(
  client: LeatClient,
  topic: string,
  signal: AbortSignal,
): Promise<Omit<DocumentStart, 'resumeToken'>> {
  for (;;) {
    const before = await trimmedTo(client, topic, signal);
    const { covers, update } = (await findSnapshot(client, topic, signal)) ?? { covers: 0n };
    // What is trimmed from here on is included in a snapshot that is newer; whoever enters the room is told.
    if (covers >= before) return { update, afterOffset: covers, isIncomplete: false };
    // The snapshot that includes it may have been trimmed itself, in favour of one that came too late to be found.
    if ((await trimmedTo(client, topic, signal)) === before) return { update, afterOffset: before, isIncomplete: true };
  }
}

/** The last offset that is not there any more; 0 if there is none. */
async function trimmedTo(client: LeatClient, name: string, signal: AbortSignal): Promise<bigint> {
  // A call that hangs ends with its connection.
  const ask = () => client.events.getTopic({ topic: name }, { signal, timeoutMs: Infinity });
  try {
    const { topic } = await persevere(ask, { signal });
    return (topic?.firstOffset ?? 1n) - 1n;
  } catch (error) {
    if (error instanceof LeatError && error.reason === 'TOPIC_NOT_FOUND') return 0n;
    throw error;
  }
}
