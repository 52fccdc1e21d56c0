import { isStreamClosed } from './base-call.js';

/** A cancelled stream looks half-closed until its reset has been processed (DESIGN 8.1). */
const HALF_CLOSE_TURNS = 3;

/** Calls `act` after so many turns, unless the stream is closed by then: the call was cancelled, not half-closed. */
export function holdHalfClose(call: object, act: () => void, turns = HALF_CLOSE_TURNS): void {
  setImmediate(() => {
    if (isStreamClosed(call)) return;
    if (turns > 1) holdHalfClose(call, act, turns - 1);
    else act();
  });
}
