import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createLiveState } from '../../../src/domain/chat/live-state.js';
import { createRooms } from '../../../src/domain/chat/rooms.js';
import { createSessions, type SessionHolder } from '../../../src/domain/chat/sessions.js';

const GRACE_MS = 30_000;
const ada = { user: 'ada', connection: '127.0.0.1:1' };
const holder = (): SessionHolder => ({ takenOver: () => undefined });

describe('createSessions', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  function opened() {
    const rooms = createRooms();
    const limits = { maxSeats: 4, maxSeatsPerCaller: 3 };
    const sessions = createSessions({ epoch: 'e', graceMs: GRACE_MS, rooms, liveState: createLiveState(), limits });
    return { rooms, sessions };
  }

  it('gives up a room that is not joined again, however often the stream is cut meanwhile', () => {
    const { rooms, sessions } = opened();
    let stream = holder();
    const session = sessions.open(ada, 'phone', stream);
    sessions.enter(session, rooms.open('old'), false);
    for (let seconds = 0; seconds < 60; seconds += 20) {
      sessions.close(session, stream, true);
      stream = holder();
      expect(sessions.open(ada, 'phone', stream)).toBe(session);
      sessions.enter(session, rooms.open('new'), false);
      jest.advanceTimersByTime(20_000);
    }
    expect(rooms.find('old')).toBeUndefined();
    expect(rooms.find('new')).toBeDefined();
  });

  it('keeps nothing of a session that did not come back', () => {
    const { rooms, sessions } = opened();
    const stream = holder();
    const session = sessions.open(ada, 'phone', stream);
    sessions.enter(session, rooms.open('a'), false);
    sessions.close(session, stream, true);
    jest.advanceTimersByTime(GRACE_MS + 200);
    expect([rooms.size, sessions.size, sessions.seats, jest.getTimerCount()]).toEqual([0, 0, 0, 0]);
  });
});
