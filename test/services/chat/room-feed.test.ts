import { describe, expect, it } from '@jest/globals';
import { Room } from '../../../src/domain/chat/room.js';
import type { Membership } from '../../../src/services/chat/membership.js';
import { RoomFeed } from '../../../src/services/chat/room-feed.js';
import type { Page, Store, TopicInfo } from '../../../src/store/store.js';
import { soon } from '../../support/soon.js';

describe('RoomFeed', () => {
  it('hears of what is said while it recovers from a read that failed', async () => {
    let wake = () => undefined as void;
    let answerTopic: (info: TopicInfo | undefined) => void = () => undefined;
    let isAsked = () => undefined as void;
    const asked = new Promise<void>((resolve) => (isAsked = resolve));
    let isBroken = true;
    // What a feed uses of a store.
    const store = {
      epoch: 'e',
      onWake(_topic: string, callback: () => void) {
        wake = callback;
        return () => undefined;
      },
      async readPage(_topic: string, after: number): Promise<Page> {
        if (isBroken) throw new Error('a disk that fails once');
        return { bytes: new Uint8Array(1), count: 1, scannedTo: after + 1, head: after + 1 };
      },
      topic: () =>
        new Promise<TopicInfo | undefined>((resolve) => {
          answerTopic = resolve;
          isAsked();
        }),
    } as unknown as Store;
    const feed = new RoomFeed(store, new Room('a'), 7);
    const told = new Promise<number>((resolve) => {
      const membership = { knowsTo: 0, wake: () => undefined, takeMessages: (from: number) => resolve(from) };
      feed.add(membership as unknown as Membership);
    });
    wake();
    await soon('the failure', asked);
    isBroken = false;
    wake();
    answerTopic(undefined);
    expect(await soon('what was said meanwhile', told)).toBe(7);
    expect(feed.head).toBe(8);
  });
});
