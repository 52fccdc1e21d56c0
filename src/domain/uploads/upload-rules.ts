import type { Violations } from '../validation/violations.js';

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** The id of an upload, and of the blob that it becomes. */
export function checkFileId(violations: Violations, field: string, id: string): void {
  if (id === '') violations.add(field, 'is required');
  else if (!ID.test(id)) violations.add(field, 'must be [A-Za-z0-9] followed by up to 127 of [A-Za-z0-9._-]');
}

/** A SHA-256 that may be left out. */
export function checkSha256(violations: Violations, field: string, sha256: Uint8Array): void {
  if (sha256.length !== 0 && sha256.length !== 32) violations.add(field, 'must have 32 bytes, or none');
}
