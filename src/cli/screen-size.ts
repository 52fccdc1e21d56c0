import type { Screen } from './progress.js';

/** Some terminals say that they have 0 columns, and mean no number. */
export function screenSize({ columns = 0, rows = 0 }: Screen): { readonly columns: number; readonly rows: number } {
  return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 };
}
