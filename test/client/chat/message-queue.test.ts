import { describe, expect, it } from '@jest/globals';
import { EventRecord } from '../../../gen/leat/v1/event.js';
import type { RoomMessage } from '../../../src/client/chat/chat-options.js';
import { createMessageQueue } from '../../../src/client/chat/message-queue.js';

describe('createMessageQueue', () => {
  it('of a room that has failed takes no room from others, and still gives out what it has', async () => {
    const total = { bytes: 0 };
    const [failed, other] = [createMessageQueue(total, () => undefined), createMessageQueue(total, () => undefined)];
    const message = EventRecord.fromPartial({ offset: 1n, event: { id: 'a' } }) as RoomMessage;
    failed.push([message, message]);
    other.push([message]);
    failed.end(new Error('trimmed'));
    expect(total.bytes).toBe(other.bytes);
    const reader = failed.iterable[Symbol.asyncIterator]();
    expect([await reader.next(), await reader.next()]).toMatchObject([{ value: message }, { value: message }]);
    await expect(reader.next()).rejects.toThrow('trimmed');
    expect(total.bytes).toBe(other.bytes);
  });
});
