import { setTimeout as pause } from 'node:timers/promises';
import { type StampedShape, createStampedFrames } from '../load/stamped-events.js';
import { rawConnection } from '../load/raw-call.js';
import { playRole, roleOptions } from '../processes/play-role.js';

export interface StamperOptions {
  readonly port: number;
  readonly path: string;
  readonly shape: StampedShape;
  readonly topic: string;
}

const { port, path, shape, topic } = roleOptions<StamperOptions>();
const connection = await rawConnection(port);
const next = createStampedFrames(shape, topic);

const commands = {
  /**
   * Publishes one event a call at a steady rate, whether answers come or not, so that a slow server cannot slow its own
   * measurement down. Answers when each was sent.
   */
  async publish({ perSecond, seconds }: { perSecond: number; seconds: number }): Promise<bigint[]> {
    const sentAt: bigint[] = [];
    const answers: Promise<void>[] = [];
    const startedAt = performance.now();
    while (sentAt.length < perSecond * seconds) {
      const due = ((performance.now() - startedAt) / 1000) * perSecond;
      while (sentAt.length < due && sentAt.length < perSecond * seconds) {
        const { stream, done } = connection.call(path);
        const { bytes, atNs } = next();
        stream.resume();
        stream.end(bytes);
        sentAt.push(atNs);
        answers.push(done);
      }
      await pause(1);
    }
    await Promise.race([Promise.all(answers), pause(10_000, undefined, { ref: false })]);
    return sentAt;
  },
};

export type StamperRole = typeof commands;

playRole(commands);
