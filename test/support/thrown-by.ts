import { type DomainError, isDomainError } from '../../src/domain/errors.js';

/** The domain error that `act` throws; fails if it throws none. */
export function thrownBy(act: () => unknown): DomainError {
  try {
    act();
  } catch (error) {
    if (isDomainError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** The fields of the violations that `act` throws, in order; empty if it throws nothing. */
export function violatedBy(act: () => unknown): readonly string[] {
  try {
    act();
  } catch (error) {
    if (isDomainError(error)) return (error.options.violations ?? []).map(({ field }) => field);
    throw error;
  }
  return [];
}
