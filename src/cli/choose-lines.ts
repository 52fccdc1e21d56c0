import type { LineRun } from './split-lines.js';

export interface LineChoice {
  /** Lines before this one are passed over. */
  readonly fromLine: number;
  /** True: lines are JSON, so a byte order mark before one is dropped, and blank lines are passed over. */
  readonly isJson: boolean;
  /** Asked about a last line without a line feed; true: it is not published. Default: it is a line like others. */
  readonly holdBack?: (line: PartialLine) => boolean;
}

/** A last line that may still be written. */
export interface PartialLine {
  /** Its number, from 1. */
  readonly line: number;
  readonly bytes: number;
  /** Lines before it that became events. */
  readonly eventsBefore: number;
}

const BYTE_ORDER_MARK = Buffer.from('\ufeff');
const blanks: ReadonlySet<number> = new Set([0x20, 0x09, 0x0d]);

/** The lines that become events. Lines that follow one another stay together, so that each keeps its number. */
export async function* chooseLines(runs: AsyncIterable<LineRun>, choice: LineChoice): AsyncGenerator<LineRun> {
  let eventsBefore = 0;
  for await (const run of runs) {
    for (const chosen of chooseFrom(run, choice)) {
      const { lines, firstLine: line, isPartial = false } = chosen;
      const partial = { line, bytes: lines[0]?.length ?? 0, eventsBefore };
      if (isPartial && choice.holdBack?.(partial) === true) return;
      eventsBefore += lines.length;
      yield chosen;
    }
  }
}

function* chooseFrom(run: LineRun, { fromLine, isJson }: LineChoice): Generator<LineRun> {
  const late = behind(run, fromLine);
  if (isJson) yield* withoutBlanks({ ...late, lines: late.lines.map(withoutMark) });
  else if (late.lines.length > 0) yield late;
}

function behind(run: LineRun, fromLine: number): LineRun {
  if (run.firstLine >= fromLine) return run;
  return { ...run, lines: run.lines.slice(fromLine - run.firstLine), firstLine: fromLine };
}

function withoutMark(line: Buffer): Buffer {
  return line.subarray(0, 3).equals(BYTE_ORDER_MARK) ? line.subarray(3) : line;
}

function* withoutBlanks({ lines, firstLine, isPartial }: LineRun): Generator<LineRun> {
  let start = 0;
  for (let index = 0; index <= lines.length; index++) {
    const line = lines[index];
    if (line !== undefined && !line.every((byte) => blanks.has(byte))) continue;
    if (index > start) yield { lines: lines.slice(start, index), firstLine: firstLine + start, isPartial };
    start = index + 1;
  }
}
