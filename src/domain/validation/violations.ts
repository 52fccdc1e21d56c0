import { type FieldViolation, throwViolations, invalid } from '../errors.js';

/** Gathers what is wrong with a request, so that all of it is told at once. */
export interface Violations {
  /**
   * `field` is the path as in the proto, for example `event.attributes["a"]`; `description` completes "this field …".
   * `reason` becomes the reason of the error if it is the first that is not the default, INVALID_FIELD.
   */
  add(field: string, description: string, reason?: string): void;
  /** Throws `invalid` with everything that was added; nothing if nothing was. */
  throwIfAny(): void;
}

/**
 * A request of 1 MiB can be wrong in a hundred thousand places. These are kept; they fit into what the error mapping
 * lets into a trailer, for clients refuse those above 8 KiB.
 */
const MAX_BYTES = 2_500;

export function createViolations(): Violations {
  const listed: FieldViolation[] = [];
  let bytes = 0;
  let unlisted = 0;
  let reason: string | undefined;

  function summary(): readonly FieldViolation[] {
    if (unlisted === 0) return listed;
    return [...listed, { field: '...', description: `${unlisted} more violations are not listed` }];
  }

  return {
    add(field, description, ownReason) {
      reason ??= ownReason;
      bytes += Buffer.byteLength(field) + Buffer.byteLength(description);
      if (listed.length > 0 && bytes > MAX_BYTES) unlisted++;
      else listed.push({ field, description });
    },
    throwIfAny() {
      if (reason !== undefined) throw invalid(summary(), reason);
      throwViolations(summary());
    },
  };
}
