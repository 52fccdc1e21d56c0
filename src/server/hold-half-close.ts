import { isStreamClosed } from './base-call.js';

/** A cancelled stream looks half-closed until its reset has been processed (DESIGN 8.1). */
const HALF_CLOSE_TURNS = 3;

/** Holds a half-close back for so long. A call whose stream is closed by then was cancelled: `act` is not called. */
export function holdHalfClose(call: object, act: () => void, turns = HALF_CLOSE_TURNS): void {
  setImmediate(() => {
    if (isStreamClosed(call)) return;
    if (turns > 1) holdHalfClose(call, act, turns - 1);
    else act();
  });
}
