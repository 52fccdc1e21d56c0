import { describe, expect, it } from '@jest/globals';
import { createMessageIds } from '../../src/client/chat/message-id.js';

describe('message ids', () => {
  it('are UUIDs of version 7 with the time in front', () => {
    const id = createMessageIds(() => 0x0123_4567_89ab)();
    expect(id).toMatch(/^01234567-89ab-7000-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('rise, however many there are in a millisecond, and whatever the clock does', () => {
    let now = 1_000_000;
    const next = createMessageIds(() => now);
    const ids = Array.from({ length: 20_000 }, (_none, index) => {
      if (index === 10_000) now -= 500;
      return next();
    });
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
