import type { LeatClient } from '../create-client.js';
import { createAssembly, type Assembly, type PartMessage, type Whole } from './parts.js';

/** Type of the messages that carry an update of the document. */
export const UPDATE = 'yjs.update';

/** Type of the messages that carry all of the document, as one update. */
export const SNAPSHOT = 'yjs.snapshot';

/** Attribute of a snapshot: it includes every message up to this offset, and is nothing without those behind it. */
export const COVERS = 'covers';

/** The document as it was, and from where on updates add to it. */
export interface Snapshot {
  readonly covers: bigint;
  readonly update: Uint8Array;
}

/**
 * The snapshot that covers most of what the room keeps; undefined if it keeps none that is whole. Reads the room's
 * messages of this type only; what compaction leaves of a room is short.
 */
export async function findSnapshot(
  client: LeatClient,
  topic: string,
  signal: AbortSignal,
): Promise<Snapshot | undefined> {
  const assembly = createAssembly();
  let best: Snapshot | undefined;
  for await (const message of client.follow(topic, { filter: { types: [SNAPSHOT] }, live: false, signal })) {
    const found = readSnapshot(assembly, message);
    if (found !== undefined && found.covers >= (best?.covers ?? -1n)) best = found;
  }
  return best;
}

/** The snapshot that is whole with this message. */
export function readSnapshot(assembly: Assembly, message: PartMessage): Snapshot | undefined {
  const whole = assembly.add(message);
  const covers = whole && coversOf(whole);
  return covers === undefined || whole === undefined ? undefined : { covers, update: whole.bytes };
}

function coversOf({ attributes }: Whole): bigint | undefined {
  const text = attributes.get(COVERS) ?? '';
  return /^\d{1,19}$/.test(text) ? BigInt(text) : undefined;
}
