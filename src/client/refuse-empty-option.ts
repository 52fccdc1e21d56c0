import { Status } from 'nice-grpc';
import { clientReasons, LeatError } from './leat-error.js';

/**
 * Throws INVALID_ARGUMENT (reason EMPTY_OPTION) for an option that is there but empty, such as the value of a variable
 * that was not set: it would do without what the option is for.
 */
export function refuseEmptyOption(name: string, value: { readonly length: number } | undefined): void {
  if (value?.length !== 0) return;
  throw new LeatError(`${name} is empty: give a value, or leave it out`, {
    code: Status.INVALID_ARGUMENT,
    reason: clientReasons.emptyOption,
  });
}
