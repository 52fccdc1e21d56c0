import { chatFull, tooManyMemberships } from './chat-errors.js';

export interface SeatLimits {
  /** Memberships of all callers together, those within their grace period among them. */
  readonly maxSeats: number;
  /** Of one caller. */
  readonly maxSeatsPerCaller: number;
}

/** Bounds how many memberships the process holds: a membership takes memory whether its room is used or not. */
export function createSeatLimit({ maxSeats, maxSeatsPerCaller }: SeatLimits) {
  const byOwner = new Map<string, number>();
  let total = 0;
  const countOf = (owner: string) => byOwner.get(owner) ?? 0;
  return {
    get total() {
      return total;
    },
    /** Errors: `exhausted` TOO_MANY_MEMBERSHIPS of this owner, CHAT_FULL of all together. */
    check(owner: string): void {
      if (countOf(owner) >= maxSeatsPerCaller) throw tooManyMemberships(maxSeatsPerCaller);
      if (total >= maxSeats) throw chatFull(maxSeats);
    },
    take(owner: string): void {
      byOwner.set(owner, countOf(owner) + 1);
      total++;
    },
    give(owner: string): void {
      const left = countOf(owner) - 1;
      if (left > 0) byOwner.set(owner, left);
      else byOwner.delete(owner);
      total--;
    },
  };
}
