import type { Violations } from './violations.js';

/** Characters (code points, not UTF-16 units) of a string; stops counting beyond `max`, for it may be megabytes. */
export function countCharacters(text: string, max = Number.POSITIVE_INFINITY): number {
  let count = 0;
  for (const _ of text) {
    if (++count > max) break;
  }
  return count;
}

/** The field must have `min` to `max` characters. */
export function checkLength(violations: Violations, field: string, text: string, min: number, max: number): void {
  if (text.length < min) {
    violations.add(field, 'is required');
  } else if (text.length > max && countCharacters(text, max) > max) {
    violations.add(field, `must have at most ${max} characters`);
  }
}

/** A value in quotes for a message or a path, cut after 64 characters. */
export function quote(text: string): string {
  const max = 64;
  if (text.length <= max) return JSON.stringify(text);
  const start = [...text.slice(0, 2 * max)].slice(0, max).join('');
  return JSON.stringify(start.length < text.length ? `${start}…` : start);
}
