import type { OpenStore } from './opened.js';
export function propertySuite(_open: OpenStore): void {
  return;
}
