import { catchAbortError } from 'abort-controller-x';
import { Status } from 'nice-grpc';
import { clientReasons, LeatError } from './leat-error.js';
import { linkSignals } from './link-signals.js';

/**
 * Passes a stream on, and gives it up when the next message has not come `limitMs` after it was asked for: a connection
 * can be dead without anybody having said so. The time that the reader takes for itself does not count.
 * Throws UNAVAILABLE (reason HEARTBEAT_MISSED) then, AbortError when `signal` aborts. Leaves no call, timer or listener.
 */
export async function* watchStream<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  limitMs: number,
  signal: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  const call = linkSignals(signal);
  let silent = false;
  const giveUp = () => {
    silent = true;
    call.abort();
  };
  const iterator = open(call.signal)[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const timer = setTimeout(giveUp, limitMs);
      const result = await iterator.next().finally(() => clearTimeout(timer));
      ended = result.done === true;
      if (result.done === true) return;
      yield result.value;
    }
  } catch (error) {
    ended = true;
    throw silent ? heartbeatMissed(limitMs) : error;
  } finally {
    call.unlink();
    // A call that was aborted before says so again: who leaves the stream knows.
    if (!ended) await iterator.return?.().catch(catchAbortError);
  }
}

function heartbeatMissed(ms: number): LeatError {
  return new LeatError(`nothing came for ${ms / 1000} s`, {
    code: Status.UNAVAILABLE,
    reason: clientReasons.heartbeatMissed,
  });
}
