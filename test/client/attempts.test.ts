import { describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc-common';
import { createAttempts } from '../../src/client/attempts.js';
import { clientReasons, LeatError } from '../../src/client/index.js';

const lost = new LeatError('lost', { code: Status.UNAVAILABLE });
const noToken = new LeatError('no token', { code: Status.UNAUTHENTICATED, reason: clientReasons.tokenFailed });

/** How many of the failures were to be tried again. */
function survived(failures: readonly LeatError[], maxAttempts?: number): number {
  const attempts = createAttempts({ maxAttempts });
  return failures.findIndex((failure) => {
    try {
      attempts.failed(failure);
      return false;
    } catch (error) {
      expect(error).toBe(failure);
      return true;
    }
  });
}

const times = (count: number, error: LeatError) => Array.from({ length: count }, () => error);

describe('createAttempts', () => {
  it('has no end while connections fail, and the one it is given', () => {
    expect(survived(times(1_000, lost))).toBe(-1);
    expect(survived(times(10, lost), 3)).toBe(2);
  });

  it('gives up at the fifth token in a row that fails, however long the connection was lost before', () => {
    expect(survived(times(10, noToken))).toBe(4);
    expect(survived([...times(100, lost), ...times(10, noToken)])).toBe(104);
    expect(survived([...times(4, noToken), lost, ...times(4, noToken), lost])).toBe(-1);
  });

  it('counts a token that fails as a try', () => {
    expect(survived([lost, noToken, lost, noToken], 3)).toBe(2);
  });

  it('begins anew after a success', () => {
    const attempts = createAttempts({ maxAttempts: 2 });
    for (let round = 0; round < 5; round++) {
      expect(attempts.failed(noToken).attempt).toBe(1);
      attempts.succeeded();
    }
  });
});
