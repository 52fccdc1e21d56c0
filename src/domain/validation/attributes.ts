import { quote } from './text.js';
import type { Violations } from './violations.js';

export const MAX_PAIRS = 32;
export const MAX_KEY_BYTES = 64;
export const MAX_VALUE_BYTES = 1024;
const KEY = /^[a-z0-9_.-]{1,64}$/;

export function isAttributeKey(key: string): boolean {
  return KEY.test(key);
}

/** The rules of attributes of users and events: at most 32 pairs, key [a-z0-9_.-]{1,64}, value at most 1024 bytes. */
export function checkAttributes(violations: Violations, field: string, attributes: ReadonlyMap<string, string>): void {
  if (attributes.size > MAX_PAIRS) {
    violations.add(field, `must have at most ${MAX_PAIRS} pairs, has ${attributes.size}`);
  }
  for (const [key, value] of attributes) {
    const path = `${field}[${quote(key)}]`;
    if (!isAttributeKey(key)) violations.add(path, 'the key must be 1 to 64 of a-z, 0-9, "_", "." and "-"');
    if (isLongerThan(value, MAX_VALUE_BYTES)) violations.add(path, `must have at most ${MAX_VALUE_BYTES} bytes`);
  }
}

function isLongerThan(text: string, maxBytes: number): boolean {
  return text.length > maxBytes || Buffer.byteLength(text) > maxBytes;
}
