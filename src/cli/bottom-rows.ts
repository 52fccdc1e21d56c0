import type { Screen } from './progress.js';
import { fitText, textWidth } from './text-width.js';

/** What stands at the bottom of a terminal: rows, the last of which has the cursor in it. */
export interface BottomContent {
  readonly rows: readonly string[];
  /** Of the last row, from 0. */
  readonly cursor: number;
}

/** Rows at the bottom of a terminal that stay there while lines are printed above them. */
export interface BottomRows {
  readonly columns: number;
  /** Text that prints a line above the rows. It is written whole, so nothing comes in between. */
  printAbove(line: string): string;
  /** Text that draws the rows as they are now; empty if they are drawn so. */
  draw(): string;
  /** Text that takes the rows away. */
  clear(): string;
}

/**
 * Draws with relative movements alone, so it needs no part of the screen for itself, and what is printed scrolls away as
 * usual. Each row is cut to the terminal's width: one that wraps could not be found again.
 */
export function createBottomRows(screen: Screen, contentOf: (columns: number) => BottomContent): BottomRows {
  /** What is there: the widths of the rows above the one with the cursor, where that is, and all of it. */
  let drawn = { above: [] as readonly number[], cursor: 0, text: '' };

  /** Some terminals say that they have 0 columns, and mean no number. */
  const columns = () => (screen.columns !== undefined && screen.columns > 0 ? screen.columns : 80);

  function clear(): string {
    // A terminal that became narrower has wrapped the rows.
    const wrapped = drawn.above.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns())), 0);
    const rows = wrapped + Math.floor(drawn.cursor / columns());
    drawn = { above: [], cursor: 0, text: '' };
    return rows > 0 ? `\r\u001b[${rows}A\u001b[J` : '\r\u001b[J';
  }

  function draw(): string {
    const { rows, cursor } = contentOf(columns());
    // The last column stays free: some terminals wrap when it is written to.
    const fitting = rows.map((row) => fitText(row, columns() - 1));
    const text = `${fitting.join('\r\n')}\r${cursor > 0 ? `\u001b[${cursor}C` : ''}`;
    if (text === drawn.text) return '';
    const erased = clear();
    drawn = { above: fitting.slice(0, -1).map(textWidth), cursor, text };
    return erased + text;
  }

  return {
    get columns() {
      return columns();
    },
    printAbove: (line) => `${clear()}${line}\r\n${draw()}`,
    draw,
    clear,
  };
}
