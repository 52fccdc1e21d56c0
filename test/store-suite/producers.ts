import { describe, expect, it } from '@jest/globals';
import { refusalOf, until } from './conditions.js';
import { append, contents, text } from './events.js';
import { sharedStore } from './opened.js';
import type { OpenStore } from './opened.js';

export function producersSuite(open: OpenStore): void {
  describe('idempotency by producer', () => {
    const subject = sharedStore(open);

    /** Sends the events with these texts, numbered from `firstSequence`. */
    function send(topic: string, firstSequence: number, values: readonly string[], expectedLastOffset?: number) {
      const producer = { producerId: 'p', firstSequence };
      return append(
        subject.store,
        topic,
        values.map((value) => text(value)),
        { producer, expectedLastOffset },
      );
    }

    it('appends each sequence number once, whatever is sent again', async () => {
      const topic = subject.fresh();
      expect(await send(topic, 1, ['1', '2'])).toMatchObject({ accepted: 2, duplicates: 0, firstOffset: 1 });
      expect(await send(topic, 1, ['1', '2'])).toMatchObject({
        accepted: 0,
        duplicates: 2,
        firstOffset: 0,
        existing: [],
      });
      expect(await send(topic, 3, ['3'])).toMatchObject({ accepted: 1, firstOffset: 3 });
      expect(await send(topic, 2, ['2', '3'])).toMatchObject({ accepted: 0, duplicates: 2 });
      expect(await contents(subject.store, topic)).toEqual(['1 1', '2 2', '3 3']);
      expect(await subject.store.producer(topic, 'p')).toEqual({ lastSequence: 3, lastOffset: 3 });
    });

    it('completes a batch that is partly there', async () => {
      const topic = subject.fresh();
      await send(topic, 1, ['1', '2']);
      expect(await send(topic, 2, ['2', '3', '4'])).toMatchObject({
        accepted: 2,
        duplicates: 1,
        firstOffset: 3,
        lastOffset: 4,
      });
      expect(await contents(subject.store, topic)).toEqual(['1 1', '2 2', '3 3', '4 4']);
    });

    it('refuses a gap, and says what it expects', async () => {
      const topic = subject.fresh();
      await send(topic, 1, ['1']);
      expect(await refusalOf(send(topic, 3, ['3']))).toMatchObject({
        is: 'conflict SEQUENCE_GAP',
        metadata: { expected_sequence: '2' },
      });
    });

    it('refuses a producer it does not know unless it begins with 1', async () => {
      const topic = subject.fresh();
      expect(await refusalOf(send(topic, 2, ['2']))).toMatchObject({
        is: 'conflict PRODUCER_UNKNOWN',
        metadata: { expected_sequence: '1' },
      });
      expect(await subject.store.producer(topic, 'p')).toBeUndefined();
      expect(await subject.store.topic(topic)).toBeUndefined();
    });

    it('refuses a producer that starts again at 1 with new content, never swallows it', async () => {
      const topic = subject.fresh();
      await send(topic, 1, ['1', '2', '3']);
      for (const values of [['new'], ['1', 'new'], ['1', '2', '3x', '4']]) {
        expect(await refusalOf(send(topic, 1, values))).toMatchObject({
          is: 'exists SEQUENCE_REUSED',
          metadata: { last_sequence: '3' },
        });
      }
      expect(await contents(subject.store, topic)).toEqual(['1 1', '2 2', '3 3']);
    });

    it('compares every resend, old ones and those between other writers too', async () => {
      const topic = subject.fresh();
      for (let batch = 0; batch < 8; batch += 1) {
        await append(subject.store, topic, [text('of another')]);
        const [one, two] = [2 * batch + 1, 2 * batch + 2];
        await send(topic, one, [`${one}`, `${two}`]);
        if (batch % 3 === 0)
          await append(subject.store, topic, [text('q')], {
            producer: { producerId: 'q', firstSequence: batch / 3 + 1 },
          });
      }
      const before = await contents(subject.store, topic);
      for (let first = 1; first <= 14; first += 1) {
        const values = [0, 1, 2].map((i) => `${first + i}`);
        expect(await send(topic, first, values)).toMatchObject({ accepted: 0, duplicates: 3 });
        for (const place of [0, 1, 2]) {
          const changed = values.map((value, i) => (i === place ? 'of another' : value));
          expect((await refusalOf(send(topic, first, changed))).is).toBe('exists SEQUENCE_REUSED');
        }
      }
      expect(await contents(subject.store, topic)).toEqual(before);
    });

    it('holds among writers at the same time', async () => {
      const topic = subject.fresh();
      const sent = [
        send(topic, 1, ['1', '2']),
        send(topic, 1, ['1', '2']),
        send(topic, 2, ['2', '3']),
        send(topic, 4, ['4']),
      ];
      expect((await Promise.all(sent)).map(({ accepted }) => accepted)).toEqual([2, 0, 1, 1]);
      expect(await contents(subject.store, topic)).toEqual(['1 1', '2 2', '3 3', '4 4']);
    });

    it('goes on where it was after a unit that failed', async () => {
      const topic = subject.fresh();
      const [first, failing, second] = await Promise.allSettled([
        send(topic, 1, ['1']),
        send(topic, 2, ['never'], 77),
        send(topic, 2, ['2']),
      ]);
      expect([first, failing, second].map(({ status }) => status[0]).join('')).toBe('frf');
      expect(await contents(subject.store, topic)).toEqual(['1 1', '2 2']);
    });

    it('comes before conditions: a resend succeeds though the head has moved', async () => {
      const topic = subject.fresh();
      await send(topic, 1, ['1', '2'], 0);
      await append(subject.store, topic, [text('x')]);
      expect(await send(topic, 1, ['1', '2'], 0)).toMatchObject({ accepted: 0, duplicates: 2 });
      const refused = await refusalOf(send(topic, 1, ['1', '2', '3'], 0));
      expect(refused).toMatchObject({ is: 'conflict OFFSET_CONFLICT', metadata: { last_offset: '3' } });
    });

    it('decides alone: ids of events are neither looked at nor taken', async () => {
      const topic = subject.fresh();
      const producer = { producerId: 'p', firstSequence: 1 };
      await append(subject.store, topic, [text('1', { id: 'x' })]);
      expect((await append(subject.store, topic, [text('2', { id: 'x' })], { producer })).accepted).toBe(1);
      await append(subject.store, topic, [text('3', { id: 'y' })], { producer: { ...producer, firstSequence: 2 } });
      expect((await append(subject.store, topic, [text('4', { id: 'y' })])).accepted).toBe(1);
    });

    it('is per topic and producer', async () => {
      const [one, two] = [subject.fresh(), subject.fresh()];
      await send(one, 1, ['1', '2']);
      expect((await refusalOf(send(two, 3, ['3']))).is).toBe('conflict PRODUCER_UNKNOWN');
      const refused = append(subject.store, one, [text('3')], { producer: { producerId: 'P', firstSequence: 3 } });
      expect((await refusalOf(refused)).is).toBe('conflict PRODUCER_UNKNOWN');
    });

    it('is forgotten when its last event is trimmed, and kept as long as that is kept', async () => {
      const topic = subject.fresh();
      await send(topic, 1, ['1', '2', '3']);
      await append(subject.store, topic, [text('4')]);
      await subject.store.write([{ kind: 'trim-topic', topic, firstOffset: 3 }]);
      expect(await subject.store.producer(topic, 'p')).toEqual({ lastSequence: 3, lastOffset: 3 });
      expect(await send(topic, 3, ['3'])).toMatchObject({ accepted: 0, duplicates: 1 });
      await subject.store.write([{ kind: 'trim-topic', topic, firstOffset: 4 }]);
      await until(async () => (await subject.store.producer(topic, 'p')) === undefined);
      expect((await refusalOf(send(topic, 4, ['4']))).is).toBe('conflict PRODUCER_UNKNOWN');
      expect(await send(topic, 1, ['anew'])).toMatchObject({ accepted: 1, firstOffset: 5 });
      expect(await send(topic, 1, ['anew'])).toMatchObject({ accepted: 0, duplicates: 1 });
      expect((await refusalOf(send(topic, 1, ['1']))).is).toBe('exists SEQUENCE_REUSED');
    });

    describe('that is kept', () => {
      const sendKept = (topic: string, firstSequence: number, values: readonly string[]) =>
        append(
          subject.store,
          topic,
          values.map((value) => text(value)),
          { producer: { producerId: 'p', firstSequence, keep: true } },
        );

      /** Trims all of a topic, and waits until another producer there, which is not kept, has been swept. */
      async function trimAll(topic: string): Promise<void> {
        const other = { producerId: 'q', firstSequence: 1 };
        const { lastOffset } = await append(subject.store, topic, [text('q')], { producer: other });
        await subject.store.write([{ kind: 'trim-topic', topic, firstOffset: lastOffset + 1 }]);
        await until(async () => (await subject.store.topic(topic))?.storedBytes === 0);
      }

      it('is remembered when its events are trimmed, and goes on where it was', async () => {
        const topic = subject.fresh();
        await sendKept(topic, 1, ['1', '2', '3']);
        await trimAll(topic);
        expect(await subject.store.producer(topic, 'p')).toEqual({ lastSequence: 3, lastOffset: 3 });
        expect(await subject.store.producer(topic, 'q')).toBeUndefined();
        expect(await sendKept(topic, 3, ['3'])).toMatchObject({ accepted: 0, duplicates: 1 });
        expect(await sendKept(topic, 3, ['3', '4'])).toMatchObject({ accepted: 1, duplicates: 1, firstOffset: 5 });
        expect(await sendKept(topic, 3, ['3', '4'])).toMatchObject({ accepted: 0, duplicates: 2 });
        expect(await contents(subject.store, topic, 4)).toEqual(['5 4']);
        await trimAll(topic);
        expect(await sendKept(topic, 4, ['4', '5', '6'])).toMatchObject({ accepted: 2, duplicates: 1 });
        expect(await sendKept(topic, 5, ['5', '6'])).toMatchObject({ accepted: 0, duplicates: 2 });
      });

      it('is refused with another last event, and with numbers before it alone, which cannot be compared', async () => {
        const topic = subject.fresh();
        await sendKept(topic, 1, ['1', '2', '3']);
        await trimAll(topic);
        for (const [first, values] of [
          [3, ['other']],
          [3, ['other', '4']],
          [1, ['1', '2', 'other']],
          [1, ['1', '2']],
        ] as const) {
          expect((await refusalOf(sendKept(topic, first, values))).is).toBe('exists SEQUENCE_REUSED');
        }
        expect((await refusalOf(sendKept(topic, 5, ['5']))).is).toBe('conflict SEQUENCE_GAP');
        // A batch whose last event can be compared is a retry.
        expect(await sendKept(topic, 1, ['1', '2', '3'])).toMatchObject({ accepted: 0, duplicates: 3 });
      });

      it('accepts the retry of a batch that is trimmed, though not of the first one, which may be another source', async () => {
        const topic = subject.fresh();
        for (const first of [1, 3, 5]) await sendKept(topic, first, [`${first}`, `${first + 1}`]);
        await subject.store.write([{ kind: 'trim-topic', topic, firstOffset: 5 }]);
        expect(await sendKept(topic, 3, ['3', '4'])).toMatchObject({ accepted: 0, duplicates: 2 });
        await trimAll(topic);
        expect(await sendKept(topic, 3, ['3', '4'])).toMatchObject({ accepted: 0, duplicates: 2 });
        expect((await refusalOf(sendKept(topic, 1, ['1', '2']))).is).toBe('exists SEQUENCE_REUSED');
        expect((await refusalOf(sendKept(topic, 5, ['5', 'other']))).is).toBe('exists SEQUENCE_REUSED');
        expect(await subject.store.producer(topic, 'p')).toMatchObject({ lastSequence: 6 });
      });

      it('is kept from when its last event is sent again, though it was not before', async () => {
        const topic = subject.fresh();
        await send(topic, 1, ['1', '2', '3']);
        await sendKept(topic, 1, ['1', '2']);
        await sendKept(topic, 3, ['3']);
        await trimAll(topic);
        expect(await sendKept(topic, 3, ['3'])).toMatchObject({ accepted: 0, duplicates: 1 });
        expect((await refusalOf(sendKept(topic, 3, ['other']))).is).toBe('exists SEQUENCE_REUSED');
      });

      it('is forgotten with its topic', async () => {
        const topic = subject.fresh();
        await sendKept(topic, 1, ['1', '2']);
        await subject.store.write([{ kind: 'delete-topic', topic }]);
        expect(await subject.store.producer(topic, 'p')).toBeUndefined();
        expect((await refusalOf(sendKept(topic, 3, ['3']))).is).toBe('conflict PRODUCER_UNKNOWN');
        expect(await sendKept(topic, 1, ['anew'])).toMatchObject({ accepted: 1, firstOffset: 3 });
        await trimAll(topic);
        expect(await sendKept(topic, 1, ['anew'])).toMatchObject({ accepted: 0, duplicates: 1 });
      });
    });

    it('accepts the retry of a batch that is trimmed', async () => {
      const topic = subject.fresh();
      await send(topic, 1, ['1', '2']);
      await send(topic, 3, ['3', '4']);
      await subject.store.write([{ kind: 'trim-topic', topic, firstOffset: 3 }]);
      expect(await send(topic, 1, ['1', '2'])).toMatchObject({ accepted: 0, duplicates: 2 });
      expect(await contents(subject.store, topic, 2)).toEqual(['3 3', '4 4']);
    });

    it('never answers a resend of trimmed events as if it were new', async () => {
      const topic = subject.fresh();
      await send(topic, 1, ['1', '2', '3']);
      await subject.store.write([{ kind: 'trim-topic', topic, firstOffset: 3 }]);
      await Promise.allSettled([send(topic, 1, ['1', '2'])]);
      expect((await subject.store.topic(topic))?.headOffset).toBe(3);
    });
  });
}
