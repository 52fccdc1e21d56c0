import { randomBytes } from 'node:crypto';

/**
 * Makes ids for messages: UUIDs of version 7 (RFC 9562), so that they sort by time. Those of one maker rise even within
 * a millisecond (a counter in rand_a), and while the clock goes backwards.
 */
export function createMessageIds(now: () => number = Date.now): () => string {
  let time = 0;
  let counter = 0;
  return () => {
    const clock = now();
    if (clock > time) {
      time = clock;
      counter = 0;
    } else if (++counter > 0xfff) {
      time++;
      counter = 0;
    }
    return format(time, counter);
  };
}

function format(time: number, counter: number): string {
  const random = randomBytes(8);
  random.writeUInt8((random.readUInt8(0) & 0x3f) | 0x80, 0);
  const hex = `${time.toString(16).padStart(12, '0')}7${counter.toString(16).padStart(3, '0')}${random.toString('hex')}`;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
