import { Status } from 'nice-grpc-common';
import { errorInfo } from '../middleware/error-details.js';
import { type ClientError, clientError } from '../middleware/error-mapping.js';
import { SLICE_ITEMS } from '../streams/in-slices.js';
import { timerMs } from '../streams/timers.js';
import { admittedCall, tooManyCalls } from './admission.js';
import { isReading, onFirstMessage, streamOf } from './base-call.js';
import { refuse, type Refusable } from './refusals.js';

/** Bounds the time that a call may wait for its first complete message. */
export interface FirstMessages {
  /** `received`: the bytes of the first message that have come so far. */
  watch(call: Refusable, received: () => number): void;
}

interface Waiting {
  readonly call: Refusable;
  readonly received: () => number;
  /** By `performance.now()`. */
  dueAt: number;
  /** Of the message, when the time began. */
  bytes: number;
  isOver(): boolean;
}

/** A client that sends less than this in the time that it has does not send a message, it holds a place. */
const STEP_BYTES = 64 * 1024;

/**
 * Ends calls whose client sends no message within `maxMs`, with one timer for all of them. The time begins anew while a
 * large message is on its way, and while the server itself does not read.
 */
export function createFirstMessages(maxMs: number): FirstMessages {
  /** In the order in which they are due. */
  const waiting = new Set<Waiting>();
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    timer = undefined;
    const now = performance.now();
    let seen = 0;
    for (const one of waiting) {
      if (one.dueAt > now || seen++ === SLICE_ITEMS) return arm(Math.max(one.dueAt - now, 0));
      waiting.delete(one);
      if (one.isOver()) continue;
      if (isInTime(one)) add(one);
      else refuse(one.call, firstMessageTimeout(maxMs));
    }
  }

  function arm(ms: number): void {
    clearTimeout(timer);
    timer = setTimeout(look, timerMs(ms)).unref();
  }

  function add(one: Waiting): void {
    one.dueAt = performance.now() + maxMs;
    one.bytes = one.received();
    waiting.add(one);
    if (timer === undefined) arm(maxMs);
  }

  return {
    watch(call, received) {
      const { nextCall } = call;
      const stream = streamOf(nextCall);
      const admitted = admittedCall(stream);
      if (stream === undefined || admitted === undefined) return;
      const one: Waiting = { call, received, dueAt: 0, bytes: 0, isOver: () => stream.readableEnded };
      admitted.evict = () => {
        waiting.delete(one);
        refuse(call, tooManyCalls);
      };
      const over = () => {
        admitted.messageCame();
        admitted.evict = undefined;
        waiting.delete(one);
      };
      onFirstMessage(nextCall, over);
      stream.once('close', over);
      add(one);
    },
  };
}

function isInTime({ call, received, bytes }: Waiting): boolean {
  return !isReading(call.nextCall) || received() >= bytes + STEP_BYTES;
}

function firstMessageTimeout(maxMs: number): ClientError {
  const text = `no message came within ${maxMs} ms after the call began: send the request together with the headers`;
  return clientError(Status.DEADLINE_EXCEEDED, text, [errorInfo('FIRST_MESSAGE_TIMEOUT')]);
}
