/** A call whose message has come in part. */
export interface PartialCall {
  /** Room is shared fairly among connections. */
  readonly connection: object;
  /** Stops reading from its client, and starts again. */
  pause(): void;
  resume(): void;
  /** Lets go of the part, and ends the call. */
  end(): void;
}

/** What is known of one call. */
export interface PartialMessage {
  /**
   * The memory that the call now holds for a message that its handler cannot have yet; `isReading`: its client may go
   * on. `received` says how far the message has come, in bytes. Default: `bytes`.
   */
  holds(bytes: number, isReading: boolean, received?: number): void;
  /** The call is over. */
  forget(): void;
}

export interface PartialMessages {
  add(call: PartialCall): PartialMessage;
}

export interface PartialMessageLimits {
  /** Memory of all calls that may go on, in bytes; one message more, since the only one at work is not ended. */
  readonly maxBytes: number;
  /** A call is in the way of others if it brings nothing for so long, in milliseconds. Default: 2,000. */
  readonly graceMs?: number;
  /** How many calls may wait for room, each with a message at most, before others are ended for them. Default: 64. */
  readonly maxWaiting?: number;
}

/** Less than this is not going on: who sends a byte now and then stands still. */
const STEP_BYTES = 16 * 1024;

interface Part extends PartialMessage {
  readonly call: PartialCall;
  bytes: number;
  received: number;
  /** When it last went on, by `performance.now()`, and what it had received then. */
  movedAt: number;
  movedBytes: number;
  isOver: boolean;
  readonly share: Share;
}

/** The calls of one connection whose clients may send. */
interface Share {
  calls: number;
  /** Memory that they hold. */
  bytes: number;
}

/**
 * Bounds what all calls of the process hold of messages that are not whole, which no window and no inbox sees.
 *
 * When there is no room, who stood still longest makes it. If nobody stands still, a call that brings more waits a
 * moment instead, so that those who are at work finish their messages and nobody is ended for being many.
 *
 * Room is shared by connections: the next call to go on is one of the connection whose running calls hold least, and
 * each connection may have one running call while any has several. Otherwise a client with many calls could keep all
 * others waiting, however slowly it sends.
 */
export function createPartialMessages(limits: PartialMessageLimits): PartialMessages {
  const { maxBytes, graceMs = 2_000, maxWaiting = 64 } = limits;
  /** Whose clients may send, who stood still longest first. */
  const running = new Set<Part>();
  const shares = new WeakMap<object, Share>();
  /** Those with running calls. */
  const taken = new Set<Share>();
  /** Who came when there was no room, oldest first. */
  const waiting = new Set<Part>();
  let latest: Part | undefined;
  let total = 0;
  let waitingBytes = 0;
  let timer: NodeJS.Timeout | undefined;

  function holds(part: Part, bytes: number, isReading: boolean, received: number): void {
    if (part.isOver) return;
    total += bytes - part.bytes;
    if (waiting.has(part)) waitingBytes += bytes - part.bytes;
    if (running.has(part)) part.share.bytes += bytes - part.bytes;
    part.bytes = bytes;
    part.received = received;
    // Held up by its own handler: not the client's fault, and no more than one frame.
    if (bytes === 0 || !isReading) leave(part);
    else if (!running.has(part) || received >= part.movedBytes + STEP_BYTES) moved(part);
    if (running.has(part)) makeRoom(part);
    letGoOn();
  }

  function moved(part: Part): void {
    part.movedAt = performance.now();
    part.movedBytes = part.received;
    if (part === latest && running.has(part)) return;
    latest = part;
    stop(part);
    running.add(part);
    part.share.calls++;
    part.share.bytes += part.bytes;
    taken.add(part.share);
  }

  function stop(part: Part): void {
    if (!running.delete(part)) return;
    part.share.calls--;
    part.share.bytes -= part.bytes;
    if (part.share.calls === 0) taken.delete(part.share);
  }

  const standsStill = (part: Part) => performance.now() - part.movedAt >= graceMs;

  function makeRoom(newest: Part): void {
    while (overBy(0) > 0 && running.size > 1) {
      const stillest = first(running) ?? newest;
      const isStill = standsStill(stillest);
      if (waiting.size < maxWaiting && !isStill) return wait(newest);
      const ended = isStill ? stillest : (stillestOf(largestCrowd()) ?? stillest);
      end(ended);
      if (ended === newest) return;
    }
  }

  /** The connection whose running calls hold most, unless that is one call, which may finish its message. */
  function largestCrowd(): Share | undefined {
    let largest: Share | undefined;
    for (const share of taken) if (largest === undefined || share.bytes > largest.bytes) largest = share;
    return largest !== undefined && largest.calls > 1 ? largest : undefined;
  }

  function stillestOf(share: Share | undefined): Part | undefined {
    for (const part of running) if (part.share === share) return part;
    return undefined;
  }

  /**
   * By how much those at work would exceed their part if so many bytes of those who wait were theirs. They have half of
   * the memory in any case, or one that stands still could hold up all others.
   */
  function overBy(bytes: number): number {
    const waitingAfter = waitingBytes - bytes;
    return total - waitingAfter - Math.max(maxBytes - waitingAfter, maxBytes / 2);
  }

  const hasRoomFor = ({ bytes }: Part) => running.size === 0 || overBy(bytes) < 0;

  function wait(part: Part): void {
    stop(part);
    waiting.add(part);
    waitingBytes += part.bytes;
    part.call.pause();
    timer ??= setInterval(look, graceMs / 2).unref();
  }

  /** One at a time: each takes what its client had sent meanwhile, and calls again. */
  function letGoOn(): void {
    const next = nextWaiting();
    if (next !== undefined && (hasRoomFor(next) || takesPlace(next))) resume(next);
    if (waiting.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  /** A connection without a running call takes the place of one call of a crowd, the one that was last to go on. */
  function takesPlace({ share }: Part): boolean {
    const crowd = share.calls === 0 ? largestCrowd() : undefined;
    const last = crowd && [...running].findLast((part) => part.share === crowd);
    if (last) wait(last);
    return last !== undefined;
  }

  /** Its client has nothing to do: the call cannot be in the way of others, and needs no room. */
  function leave(part: Part): void {
    stop(part);
    leaveWaiting(part);
  }

  /** Of the connection whose running calls hold least; of several, the one that has waited longest. */
  function nextWaiting(): Part | undefined {
    let next: Part | undefined;
    for (const part of waiting) if (next === undefined || part.share.bytes < next.share.bytes) next = part;
    return next;
  }

  function leaveWaiting(part: Part): void {
    if (waiting.delete(part)) waitingBytes -= part.bytes;
  }

  function resume(part: Part): void {
    leaveWaiting(part);
    moved(part);
    part.call.resume();
  }

  /** Nothing comes from those who stand still, so somebody has to look. */
  function look(): void {
    for (let next = first(running); next && waiting.size > 0 && standsStill(next); next = first(running)) end(next);
    for (let next = nextWaiting(); next && hasRoomFor(next); next = nextWaiting()) resume(next);
    letGoOn();
  }

  function end(part: Part): void {
    forget(part);
    part.call.end();
  }

  function forget(part: Part): void {
    if (part.isOver) return;
    part.isOver = true;
    total -= part.bytes;
    leave(part);
    letGoOn();
  }

  function shareOf(connection: object): Share {
    const share = shares.get(connection) ?? { calls: 0, bytes: 0 };
    shares.set(connection, share);
    return share;
  }

  return {
    add(call) {
      const part: Part = {
        call,
        bytes: 0,
        received: 0,
        movedAt: 0,
        movedBytes: 0,
        isOver: false,
        share: shareOf(call.connection),
        holds: (bytes, isReading, received = bytes) => holds(part, bytes, isReading, received),
        forget: () => forget(part),
      };
      return part;
    },
  };
}

function first<T>(set: ReadonlySet<T>): T | undefined {
  for (const one of set) return one;
  return undefined;
}
