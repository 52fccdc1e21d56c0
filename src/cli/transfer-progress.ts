import { formatTransfer, type TransferSample } from './format-transfer.js';
import { noProgress, startProgress, type Progress } from './progress.js';
import { createRateMeter } from './rate-meter.js';
import type { Session } from './session.js';

/** What a transfer's progress line is drawn from. */
export interface TransferState extends Omit<TransferSample, 'rate'> {
  /** Bytes that went over the wire: what the rate is of. */
  readonly moved: number;
}

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
  const format = (elapsedMs: number) => {
    const { moved, ...sample } = state();
    return `${title}  ${formatTransfer({ ...sample, rate: meter.note(moved, elapsedMs) })}`;
  };
  return startProgress(stderr, { format, notice });
}
