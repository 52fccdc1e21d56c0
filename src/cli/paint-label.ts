import type { Paint, Tone } from './paint.js';

const labels: readonly (readonly [Tone, RegExp])[] = [
  ['error', /^error:/],
  ['warning', /^connection lost/],
];

/** A line of the standard error, with the words that say what it is in their colour. */
export function paintLabel(paint: Paint, line: string): string {
  return labels.reduce((text, [tone, label]) => text.replace(label, (words) => paint(tone, words)), line);
}
