/** A cancelled stream looks half-closed until its reset has been processed (DESIGN 8.1). */
const HALF_CLOSE_TURNS = 3;

/** Holds a half-close back for so long. What comes then does nothing if the call was cancelled meanwhile. */
export function holdHalfClose(act: () => void, turns = HALF_CLOSE_TURNS): void {
  setImmediate(() => (turns > 1 ? holdHalfClose(act, turns - 1) : act()));
}
