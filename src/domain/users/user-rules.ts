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

/** Parts of an address: a quoted local part may hold "@" and spaces, a plain one may not. */
const ADDRESS = /^(?<local>"(?:[^"\\]|\\.)*"|[^"@]*)@(?<domain>[^@]*)$/u;
/** Control characters, spaces other than U+0020, and characters that cannot be seen, but for the two joiners of scripts. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}]|(?! )\p{Zs}|(?![\u200c\u200d])\p{Cf}/u;

/** An email that is there; whether there must be one is the caller's question. */
export function checkEmail(violations: Violations, field: string, email: string): void {
  const problem = emailProblem(email);
  if (problem !== undefined) violations.add(field, problem);
}

/**
 * What is wrong with an address; undefined: nothing. Only what no address can be is refused: whether it exists, and
 * what its host allows before the "@", is not known here.
 */
function emailProblem(email: string): string | undefined {
  if (countCharacters(email, MAX_EMAIL_LENGTH) > MAX_EMAIL_LENGTH) {
    return `must have at most ${MAX_EMAIL_LENGTH} characters`;
  }
  if (UNPRINTABLE.test(email)) return 'must not contain control characters, line breaks or invisible characters';
  const { local, domain } = ADDRESS.exec(email)?.groups ?? {};
  if (local === undefined || domain === undefined) return 'must have exactly one "@" outside a quoted local part';
  if (local === '' || local === '""') return 'must have a local part before the "@"';
  if (domain === '') return 'must have a domain after the "@"';
  if (!local.startsWith('"') && local.includes(' ')) return 'must not contain spaces outside a quoted local part';
  if (domain.includes(' ')) return 'must not contain spaces in the domain';
  if (domain.split('.').includes('')) return 'must have a domain without empty labels';
  return undefined;
}
