import type { Violations } from './violations.js';

/**
 * The etag that a change is conditional on; empty: it is not. One that was sent and is empty is a violation: whoever
 * sends it wants a condition, and would get none.
 */
export function checkEtag(violations: Violations, field: string, etag: string | undefined): string {
  if (etag === '')
    violations.add(field, 'is empty; send the current etag, or leave it out to change it whatever it is');
  return etag ?? '';
}
