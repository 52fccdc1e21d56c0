import { DomainError, toPlainError } from '../../domain/errors.js';
import type { Outcome, Unit } from './transactions.js';

/**
 * Lets nothing of a chain commit behind a unit of it that failed. The writer's main-thread side stops sending units of
 * a chain once it knows of the failure, and has at most two transactions under way; so what failed in one transaction
 * needs to be known in the next one only.
 */
export function createChains() {
  let brokenBefore: ReadonlySet<number> = new Set();
  let broken = new Set<number>();

  function runOne(unit: Unit, work: (unit: Unit) => Outcome): Outcome {
    const { chain } = unit;
    if (chain === undefined) return work(unit);
    const isBroken = broken.has(chain) || brokenBefore.has(chain);
    const outcome = isBroken ? { error: toPlainError(chainBroken()) } : work(unit);
    if ('error' in outcome) broken.add(chain);
    return outcome;
  }

  return {
    /** Runs the units of one transaction in order; may run again for the same units if the transaction failed whole. */
    run(units: readonly Unit[], work: (unit: Unit) => Outcome): Outcome[] {
      broken = new Set();
      return units.map((unit) => runOne(unit, work));
    },
    /** Call after each transaction. */
    next(): void {
      brokenBefore = broken;
    },
  };
}

/** Told to units behind the one that failed, whose error says why. */
export function chainBroken(): DomainError {
  return new DomainError('conflict', 'CHAIN_BROKEN', 'a write before this one in the same stream failed');
}
