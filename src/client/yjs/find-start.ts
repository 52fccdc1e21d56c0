import type { LeatClient } from '../create-client.js';
import { LeatError } from '../leat-error.js';
import { findSnapshot } from './snapshots.js';

/** Where a reader of a document begins. */
export interface DocumentStart {
  /** All of the document up to `afterOffset`; undefined if nothing was given up so far. */
  readonly update: Uint8Array | undefined;
  readonly afterOffset: bigint;
  /** True if something was given up that no snapshot includes: somebody else has trimmed the room. */
  readonly isIncomplete: boolean;
}

/** The newest snapshot and what comes behind it. Waits for a service that is away. */
export async function findStart(client: LeatClient, topic: string, signal: AbortSignal): Promise<DocumentStart> {
  const { covers, update } = (await findSnapshot(client, topic, signal)) ?? { covers: 0n };
  const trimmedTo = (await firstOffset(client, topic, signal)) - 1n;
  const isIncomplete = trimmedTo > covers;
  return { update, afterOffset: isIncomplete ? trimmedTo : covers, isIncomplete };
}

async function firstOffset(client: LeatClient, name: string, signal: AbortSignal): Promise<bigint> {
  try {
    const { topic } = await client.events.getTopic({ topic: name }, { signal });
    return topic?.firstOffset ?? 1n;
  } catch (error) {
    if (error instanceof LeatError && error.reason === 'TOPIC_NOT_FOUND') return 1n;
    throw error;
  }
}
