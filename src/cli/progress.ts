import type { Writable } from 'node:stream';
import { screenSize } from './screen-size.js';
import { fitLine } from './text-width.js';

/** How far a publish has come. */
export interface ProgressSample {
  readonly lines: number;
  readonly bytes: number;
  readonly durableLines: number;
  /** Bytes in all, if that is known. */
  readonly totalBytes?: number;
}

/** One line of a terminal that is drawn over and over, until it is cleared. */
export interface Progress {
  /** Prints a line above the progress. */
  readonly notice: (line: string) => void;
  /** Clears the line; nothing is drawn any more. Repeating it is harmless. */
  stop(): void;
}

export interface ProgressOptions {
  /** What to draw, so many milliseconds after the start; on one line. */
  readonly format: (elapsedMs: number) => string;
  /** Prints a line; called when nothing of the progress is on it. */
  readonly notice: (line: string) => void;
  /** Time between two drawings, in milliseconds. Default: 200. */
  readonly intervalMs?: number;
}

export type Screen = Writable & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  /** Its file descriptor, if it has one. */
  readonly fd?: number;
};

const CLEAR_LINE = '\r\u001b[K';
const BAR_CELLS = 20;

/** Draws at once, and then at most once in an interval; a terminal that is slower is left out of the next ones. */
export function startProgress(screen: Screen, { format, notice, intervalMs = 200 }: ProgressOptions): Progress {
  const startedAt = performance.now();
  let stopped = false;
  const draw = () => {
    if (stopped || screen.writableNeedDrain) return;
    const line = format(performance.now() - startedAt);
    // A line that wraps could not be cleared.
    screen.write(CLEAR_LINE + fitLine(line, screenSize(screen).columns - 1));
  };
  const timer = setInterval(draw, intervalMs);
  timer.unref();
  draw();
  return {
    notice(line) {
      if (!stopped) screen.write(CLEAR_LINE);
      notice(line);
      draw();
    },
    stop() {
      if (stopped) return;
      stopped = true;
      clearInterval(timer);
      screen.write(CLEAR_LINE);
    },
  };
}

/** Where there is nobody to watch. */
export function noProgress(notice: (line: string) => void): Progress {
  return { notice, stop: () => undefined };
}

/** "[#####·····]  25 %  1,000 lines  1.0 of 4.0 MiB  512.0 KiB/s  900 durable"; the rate is since the start. */
export function formatProgress(sample: ProgressSample, elapsedMs: number): string {
  const { lines, bytes, durableLines, totalBytes } = sample;
  const rate = elapsedMs > 0 ? `${formatBytes((bytes * 1000) / elapsedMs)}/s` : '-';
  const size = totalBytes === undefined ? formatBytes(bytes) : `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`;
  const parts = [
    `${formatCount(lines)} ${lines === 1 ? 'line' : 'lines'}`,
    size,
    rate,
    `${formatCount(durableLines)} durable`,
  ];
  const isDurable = durableLines === lines;
  return [...(totalBytes ? [formatBar(bytes / totalBytes, isDurable)] : []), ...parts].join('  ');
}

/** "999 B", "1.5 KiB", up to TiB. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  // What rounds to 1024.0 of a unit is 1.0 of the next one.
  const rounded = bytes < 1023.95 ? bytes : bytes * (1 + 0.05 / 1023.95);
  const power = Math.min(Math.max(0, Math.floor(Math.log2(Math.max(1, rounded)) / 10)), units.length - 1);
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power] ?? ''}`;
}

/**
 * "[#####...............]  25 %"; 100 % only if all of it `isDurable`, and never more, for a file may grow while it is
 * read.
 */
export function formatBar(share: number, isDurable = true): string {
  const part = Math.min(isDurable ? 1 : 0.99, share);
  const cells = Math.floor(part * BAR_CELLS);
  const percent = String(Math.floor(part * 100)).padStart(3);
  return `[${'#'.repeat(cells)}${'.'.repeat(BAR_CELLS - cells)}] ${percent} %`;
}

function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}
