import { type CallError, readCallError } from './call-error.js';

/** How the call failed, in full; fails if it did not. */
export async function failureOf(call: Promise<unknown>): Promise<CallError> {
  let result: unknown;
  try {
    result = await call;
  } catch (error) {
    const failure = readCallError(error);
    if (failure) return failure;
    throw error;
  }
  throw new Error(`the call did not fail but answered ${String(result)}`);
}
