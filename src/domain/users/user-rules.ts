import { checkLength, countCharacters } from '../validation/text.js';
import type { Violations } from '../validation/violations.js';

const USER_ID = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/;
const MAX_NAME_LENGTH = 256;
const MAX_EMAIL_LENGTH = 254;

export function checkUserId(violations: Violations, field: string, userId: string): void {
  if (userId === '') violations.add(field, 'is required');
  else if (!USER_ID.test(userId)) {
    violations.add(field, 'must be [A-Za-z0-9] followed by up to 127 of [A-Za-z0-9._@+-]');
  }
}

export function checkName(violations: Violations, field: string, name: string): void {
  checkLength(violations, field, name, 1, MAX_NAME_LENGTH);
}

/** An email that is there; whether there must be one is the caller's question. */
export function checkEmail(violations: Violations, field: string, email: string): void {
  if (countCharacters(email, MAX_EMAIL_LENGTH) > MAX_EMAIL_LENGTH) {
    violations.add(field, `must have at most ${MAX_EMAIL_LENGTH} characters`);
  } else if (email.split('@').length !== 2) {
    violations.add(field, 'must have exactly one "@"');
  }
}

/**
 * The form in which emails are compared: one for all cases of its letters and all ways to compose them.
 * NFC comes last again because lower case letters may compose where upper case ones do not.
 */
export function emailKeyOf(email: string): string {
  return email.normalize('NFC').toLowerCase().normalize('NFC');
}
