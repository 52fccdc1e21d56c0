import { escapeText } from './escape-text.js';
import type { Paint } from './paint.js';

/** Rows in aligned columns, each on a line, under a header if `withHeader`; empty if there are no rows. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  withHeader = true,
  paint: Paint = (_tone, text) => text,
): string {
  if (rows.length === 0) return '';
  const safe = [header, ...rows].map((row) => row.map(escapeText));
  const widths = header.map((_title, column) => Math.max(...safe.map((row) => row[column]?.length ?? 0)));
  const lines = safe.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return lines
    .map((line, index) => (index === 0 ? paint('heading', line) : line))
    .slice(withHeader ? 0 : 1)
    .map((line) => `${line}\n`)
    .join('');
}
