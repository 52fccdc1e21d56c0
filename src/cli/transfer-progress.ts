import { escapeText } from './escape-text.js';
import { formatTransfer, type TransferSample } from './format-transfer.js';
import { noProgress, startProgress, type Progress } from './progress.js';
import { createRateMeter } from './rate-meter.js';
import type { Session } from './session.js';
import { fitText } from './text-width.js';

/** What a transfer's progress line is drawn from. */
export interface TransferState extends Omit<TransferSample, 'rate'> {
  /** Bytes that went over the wire: what the rate is of. */
  readonly moved: number;
}

const TITLE_CELLS = 24;

/** One line on a terminal, where somebody watches; else nothing but notices. */
export function openTransferProgress(
  session: Session,
  title: string,
  state: () => TransferState,
  isQuiet = false,
): Progress {
  const { stderr } = session.terminal;
  const notice = (line: string) => session.notice(line);
  if (stderr.isTTY !== true || isQuiet) return noProgress(notice);
  const meter = createRateMeter();
  const label = shorten(escapeText(title));
  const format = (elapsedMs: number) => {
    const { moved, ...sample } = state();
    return `${label}  ${formatTransfer({ ...sample, rate: meter.note(moved, elapsedMs) })}`;
  };
  return startProgress(stderr, { format, notice });
}

/** A long name would push what changes off the screen. */
function shorten(text: string): string {
  // Two spaces would look like the end of the title.
  return fitText(text.replace(/ {2,}/g, ' '), TITLE_CELLS);
}
