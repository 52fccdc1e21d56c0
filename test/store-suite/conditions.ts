import { setTimeout as pause } from 'node:timers/promises';
import { isDomainError } from '../../src/domain/errors.js';
import type { DomainError } from '../../src/domain/errors.js';

/** Waits until something is so. The test's own time limit ends it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(5);
}

/** The error that a write or a read ends with, as `kind REASON`, and its metadata. */
export async function refusalOf(
  promise: Promise<unknown>,
): Promise<{ is: string; metadata: Readonly<Record<string, string>> }> {
  const error = await domainErrorOf(promise);
  return { is: `${error.kind} ${error.reason}`, metadata: error.options.metadata ?? {} };
}

async function domainErrorOf(promise: Promise<unknown>): Promise<DomainError> {
  try {
    await promise;
  } catch (error) {
    if (isDomainError(error)) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
