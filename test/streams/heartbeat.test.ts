import { describe, expect, it } from '@jest/globals';
import { createHeartbeat } from '../../src/streams/heartbeat.js';

describe('createHeartbeat', () => {
  it('is due when the interval has passed since the last beat', () => {
    let now = 100;
    const heartbeat = createHeartbeat(10, () => now);
    expect(heartbeat.remainingMs()).toBe(10);
    now = 109.5;
    expect(heartbeat.remainingMs()).toBe(0.5);
    heartbeat.beat();
    expect(heartbeat.remainingMs()).toBe(10);
    now = 200;
    expect(heartbeat.remainingMs()).toBe(0);
  });

  it('goes by the monotonic clock of the process by default', () => {
    expect(createHeartbeat(60_000).remainingMs()).toBeGreaterThan(0);
    expect(createHeartbeat(0).remainingMs()).toBe(0);
  });
});
