import type { Aim } from './bench.js';
import type { BenchResult, Verdict } from './result.js';

/** A result for people. */
export function toTable({ name, unit, variants, ratios }: BenchResult, verdicts: readonly Verdict[]): string {
  const width = Math.max(...[...Object.keys(variants), ...Object.keys(ratios)].map((text) => text.length));
  const rows = Object.entries(variants).map(
    ([variant, { median, min, max }]) =>
      `  ${variant.padEnd(width)}  ${shown(median).padStart(12)}   (${shown(min)} to ${shown(max)})`,
  );
  const compared = Object.entries(ratios).map(
    ([pair, ratio]) => `  ${pair.padEnd(width)}  ${ratio.toFixed(2).padStart(12)} ×`,
  );
  const judged = verdicts.map(
    ({ what, value, aim, met }) => `  ${met ? 'met   ' : 'MISSED'}  ${what}: ${shown(value)}, aim ${aimed(aim)}`,
  );
  return [`${name} (${unit}; median, least to most)`, ...rows, ...compared, ...judged, ''].join('\n');
}

/** An aim in signs. */
export function aimed({ atLeast, atMost }: Aim): string {
  return [atLeast === undefined ? '' : `≥ ${atLeast}`, atMost === undefined ? '' : `≤ ${atMost}`]
    .filter((text) => text !== '')
    .join(', ');
}

/** A number for people: thousands apart, no more digits than mean something. */
export function shown(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 4 });
}
