import { escapeText } from './escape-text.js';
import type { Paint } from './paint.js';
import { screenSize } from './screen-size.js';
import type { Session } from './session.js';
import { fitText, padText, textWidth } from './text-width.js';

export interface TableOptions {
  /** Whether the first line is the header. Default: true. */
  readonly withHeader?: boolean;
  /** Default: no colours. */
  readonly paint?: Paint;
  /** Width of the terminal in columns. Default: unlimited. */
  readonly columns?: number;
}

/** For the standard output: never wider than a terminal, and complete elsewhere. */
export function tableStyle({ paint, terminal }: Pick<Session, 'paint' | 'terminal'>, withHeader = true): TableOptions {
  const { stdout } = terminal;
  return { withHeader, paint, columns: stdout.isTTY === true ? screenSize(stdout).columns : Infinity };
}

/** Between two columns. */
const GAP = '  ';
/** A text is not shortened below this width, in columns. */
const MIN_TEXT_WIDTH = 8;
/** Numbers, with a unit or without, and times: they are shown completely or not at all. */
const NUMERIC = /^(?:-|[\d.,]+(?: ?[A-Za-z%][\w/]*)?|\d{4}-\d\d-\d\dT\S+)$/;

/**
 * Rows in aligned columns, each on a line, below the header; empty if there are no rows. In a table that is wider than
 * the terminal the longest texts are shortened; if that is not enough, the last columns are left out, with "…" instead.
 */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  { withHeader = true, paint = (_tone, text) => text, columns = Infinity }: TableOptions = {},
): string {
  if (rows.length === 0) return '';
  const safe = [header, ...rows].map((row) => row.map(escapeText));
  const widths = fitWidths(safe, columns);
  const isCut = widths.length < header.length;
  return safe
    .map((row) => widths.map((width, column) => padText(fitCell(row[column] ?? '', width), width)))
    .map((cells) => [...cells, ...(isCut ? ['…'] : [])].join(GAP).trimEnd())
    .map((line, index) => (index === 0 ? paint('heading', line) : line))
    .slice(withHeader ? 0 : 1)
    .map((line) => `${line}\n`)
    .join('');
}

/** A number that does not fit is not shown: its beginning would be another number. */
function fitCell(cell: string, width: number): string {
  return NUMERIC.test(cell) && textWidth(cell) > width ? '…' : fitText(cell, width);
}

/** The width of each column that is shown. */
function fitWidths(rows: readonly (readonly string[])[], columns: number): number[] {
  const [header = []] = rows;
  const widths = header.map((_title, column) => Math.max(...rows.map((row) => textWidth(row[column] ?? ''))));
  const least = header.map((title, column) => {
    const isNumeric = rows.slice(1).every((row) => NUMERIC.test(row[column] ?? '-'));
    const width = widths[column] ?? 0;
    return isNumeric ? width : Math.min(width, Math.max(textWidth(title), MIN_TEXT_WIDTH));
  });
  let shown = header.length;
  while (shown > 1 && lineWidth(least.slice(0, shown), shown < header.length) > columns) shown--;
  const fitting = widths.slice(0, shown);
  const excess = () => lineWidth(fitting, shown < header.length) - columns;
  while (excess() > 0) {
    const slack = fitting.map((width, column) => width - (least[column] ?? 0));
    const widest = fitting.reduce(
      (best, width, column) => ((slack[column] ?? 0) > 0 && width > (fitting[best] ?? 0) ? column : best),
      slack.findIndex((more) => more > 0),
    );
    // One column is left, and it is wider than the terminal.
    if (widest < 0) return [Math.max(1, columns)];
    fitting[widest] = (fitting[widest] ?? 0) - 1;
  }
  return fitting;
}

function lineWidth(widths: readonly number[], isCut: boolean): number {
  const all = isCut ? [...widths, 1] : widths;
  return all.reduce((sum, width) => sum + width, 0) + GAP.length * (all.length - 1);
}
