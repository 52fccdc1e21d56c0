import { describe, expect, it } from '@jest/globals';
import { createDiskRoom } from '../../../src/domain/uploads/disk-room.js';

/** A disk of 100 bytes, of which 10 are to stay free; reservations end after a second. */
function createDisk(storeBytes?: number) {
  let free = 100;
  let nowMs = 0;
  const room = createDiskRoom({
    bytes: { freeBytes: async () => free },
    minFreeBytes: 10,
    storeBytes,
    maxIdleMs: 1_000,
    now: () => nowMs,
  });
  return {
    room,
    write: (bytes: number) => void (free -= bytes),
    pass: (ms: number) => void (nowMs += ms),
  };
}

const refusal = (needed: number, available: number) => ({
  reason: 'DISK_FULL',
  kind: 'exhausted',
  options: { retryAfterMs: null, metadata: { needed_bytes: `${needed}`, available_bytes: `${available}` } },
});

describe('the room on the disk', () => {
  it('is given once: what one upload announced, another cannot have', async () => {
    const { room } = createDisk();
    await room.reserve('a', 50);
    await expect(room.reserve('b', 41)).rejects.toMatchObject(refusal(41, 40));
    await room.reserve('b', 40);
    await expect(room.reserve('c', 1)).rejects.toMatchObject(refusal(1, 0));
    await room.reserve('c', 0);
  });

  it('is given to one of two that ask for it at the same time', async () => {
    const { room } = createDisk();
    const asked = await Promise.allSettled([room.reserve('a', 60), room.reserve('b', 60)]);
    expect(asked.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  it('counts what is written once: on the disk and no longer as reserved', async () => {
    const { room, write } = createDisk();
    await room.reserve('a', 50);
    write(30);
    room.written('a', 20);
    await room.reserve('b', 40);
    expect(await room.available('a')).toBe(60);
    expect(await room.available('unannounced')).toBe(0);
  });

  it('lets an upload with a reservation use all of it, although the store writes meanwhile', async () => {
    const { room, write } = createDisk(4);
    await room.reserve('a', 90);
    write(90 + 4);
    expect(await room.available('a')).toBe(0);
    expect(await room.available('unannounced')).toBe(-94);
  });

  it('comes back when the upload ends, and when nothing was written for the time', async () => {
    const { room, pass } = createDisk();
    await room.reserve('a', 50);
    await room.reserve('b', 40);
    room.release('a');
    await room.reserve('c', 50);
    pass(900);
    room.written('b', 39);
    pass(900);
    await room.reserve('d', 51);
    await expect(room.reserve('e', 1)).rejects.toMatchObject(refusal(1, 0));
  });

  it('replaces what an upload had reserved before', async () => {
    const { room } = createDisk();
    await room.reserve('a', 50);
    await room.reserve('a', 90);
    await room.reserve('a', 20);
    await room.reserve('b', 70);
  });

  it('is kept for uploads from before a restart, for what is left of their time', async () => {
    const { room, pass } = createDisk();
    room.restore('a', 50, -500);
    await expect(room.reserve('b', 41)).rejects.toMatchObject(refusal(41, 40));
    pass(501);
    await room.reserve('b', 41);
  });
});
