import { describe, expect, it } from '@jest/globals';
import { createReaderStates } from '../../src/streams/reader-state.js';

const full = { scannedTo: 5, head: 9 };
const atHead = { scannedTo: 9, head: 9 };

function states(...pages: { scannedTo: number; head: number }[]): string {
  const reader = createReaderStates();
  return pages.map((page) => reader.after(page)).join(' ');
}

describe('createReaderStates', () => {
  it('replays until a page reaches the head, however many pages that takes', () => {
    expect(states(full, full, full, atHead)).toBe('replaying replaying replaying live');
  });

  it('stays live for one full page, and falls behind with the second in a row', () => {
    expect(states(atHead, full, atHead, full, full, full, atHead)).toBe(
      'live live live live fell-behind fell-behind live',
    );
  });

  it('needs two full pages again after it caught up', () => {
    expect(states(atHead, full, full, atHead, full)).toBe('live live fell-behind live live');
  });
});
