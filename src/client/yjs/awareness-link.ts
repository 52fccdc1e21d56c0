import {
  applyAwarenessUpdate,
  encodeAwarenessUpdate,
  removeAwarenessStates,
  type Awareness,
} from 'y-protocols/awareness';
import type { JoinedRoom } from '../chat/chat-options.js';

/** Key of the live state that holds a member's awareness. */
const KEY = 'yjs.awareness';

type Change = Readonly<Record<'added' | 'updated' | 'removed', readonly number[]>>;

/**
 * Carries awareness (who is there, and where their cursors are) as live state of a room: each member tells its own, and
 * takes over what the others tell. Whoever leaves the room is taken out. Returns how to end that.
 */
export function linkAwareness(awareness: Awareness, room: JoinedRoom): () => void {
  const origin = { room };
  /** What was taken over from each member. */
  const taken = new Map<string, { readonly value: Uint8Array; readonly clientId: number }>();

  function tell(): void {
    const isThere = awareness.getLocalState() !== null;
    room.setState(KEY, isThere ? encodeAwarenessUpdate(awareness, [awareness.clientID]) : undefined);
  }

  function onUpdate({ added, updated, removed }: Change, cause: unknown): void {
    if (cause === origin) return;
    if ([...added, ...updated, ...removed].includes(awareness.clientID)) tell();
  }

  function takeOver(): void {
    const { states, memberId: own } = room.snapshot();
    for (const [memberId, { clientId }] of taken) if (!states.get(memberId)?.has(KEY)) drop(memberId, clientId);
    for (const [memberId, keys] of states) {
      const value = keys.get(KEY);
      if (memberId === own || value === undefined || taken.get(memberId)?.value === value) continue;
      take(memberId, value);
    }
  }

  function take(memberId: string, value: Uint8Array): void {
    const clientId = clientIdOf(value);
    if (clientId === undefined) return;
    const before = taken.get(memberId)?.clientId;
    if (before !== undefined && before !== clientId) drop(memberId, before);
    taken.set(memberId, { value, clientId });
    try {
      applyAwarenessUpdate(awareness, value, origin);
    } catch {
      // What another program wrote there is not for us.
    }
  }

  function drop(memberId: string, clientId: number): void {
    taken.delete(memberId);
    removeAwarenessStates(awareness, [clientId], origin);
    // It may come again with what it told before; what comes here is never older than what came before.
    awareness.meta.delete(clientId);
  }

  awareness.on('update', onUpdate);
  const unsubscribe = room.subscribe(takeOver);
  tell();
  return () => {
    awareness.off('update', onUpdate);
    unsubscribe();
    for (const [memberId, { clientId }] of taken) drop(memberId, clientId);
  };
}

/** Of an awareness update with one client in it: a varint that says 1, and a varint that is the client's id. */
function clientIdOf(update: Uint8Array): number | undefined {
  if (update[0] !== 1) return undefined;
  let id = 0;
  for (let at = 1; at < Math.min(update.length, 9); at++) {
    const byte = update[at] ?? 0;
    id += (byte & 0x7f) * 2 ** (7 * (at - 1));
    if (byte < 0x80) return id;
  }
  return undefined;
}
