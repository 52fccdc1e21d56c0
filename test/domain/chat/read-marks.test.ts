import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createReadMarks } from '../../../src/domain/chat/read-marks.js';
import { Room } from '../../../src/domain/chat/room.js';
import { DomainError } from '../../../src/domain/errors.js';
import type { Change, Store } from '../../../src/store/store.js';

describe('createReadMarks', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('takes a mark again that could not be stored, and says that it could not', async () => {
    const written: number[] = [];
    let isFull = true;
    const write = async ([change]: readonly Change[]) => {
      if (isFull) throw new DomainError('exhausted', 'DISK_FULL', 'no space is left');
      if (change?.kind === 'commit-cursor') written.push(change.offset);
      return [];
    };
    // Nothing else of a store is used.
    const marks = createReadMarks({ write } as unknown as Store);
    const room = new Room('a');
    marks.load(room, [{ cursor: 'read:ada', offset: 2, commitTimeMs: 0 }]);
    const reported: unknown[] = [];
    const move = () => marks.move(room, 'ada', 5, true, (error) => reported.push(error));
    move();
    await jest.advanceTimersByTimeAsync(100);
    expect(reported).toMatchObject([{ reason: 'DISK_FULL' }]);
    expect(room.marks?.get('ada')).toBe(2);
    expect(room.log.get('rada')).toEqual({ kind: 'mark', user: 'ada', offset: 2 });
    isFull = false;
    move();
    await jest.advanceTimersByTimeAsync(2_000);
    expect(written).toEqual([5]);
    expect(room.marks?.get('ada')).toBe(5);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('tells others nothing more of a mark that could not be stored, nor of one that came while it was written', async () => {
    let fail = (_error: Error) => undefined as void;
    const write = jest.fn(() => new Promise((_resolve, reject) => (fail = reject)));
    const marks = createReadMarks({ write } as unknown as Store);
    const room = new Room('a');
    marks.load(room, []);
    const reported: number[] = [];
    const move = (offset: number) => marks.move(room, 'ada', offset, true, (_error, of) => reported.push(of));
    move(1);
    // The disk is slow: it is time for the next write, and a newer mark has come.
    await jest.advanceTimersByTimeAsync(1_500);
    move(2);
    await jest.advanceTimersByTimeAsync(1_500);
    expect(write).toHaveBeenCalledTimes(1);
    fail(new DomainError('exhausted', 'TOO_MANY_CURSORS', 'there are 1,000'));
    await jest.advanceTimersByTimeAsync(100);
    expect(reported).toEqual([2]);
    expect(room.log.get('rada')).toBeUndefined();
    expect(room.marks?.get('ada')).toBeUndefined();
    await jest.advanceTimersByTimeAsync(3_000);
    expect(jest.getTimerCount()).toBe(0);
  });
});
