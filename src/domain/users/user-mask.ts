import { checkAttributes, isAttributeKey } from '../validation/attributes.js';
import { quote } from '../validation/text.js';
import { createViolations, type Violations } from '../validation/violations.js';
import type { UserFields } from './user-record.js';
import { checkEmail, checkName } from './user-rules.js';

/** What an update changes. Absent parts stay. */
export interface UserPatch {
  readonly name?: string;
  /** Empty: the user has none any more. */
  readonly email?: string;
  /** All attributes, or some of them: undefined removes one. */
  readonly attributes?:
    | { readonly $case: 'all'; readonly value: ReadonlyMap<string, string> }
    | { readonly $case: 'some'; readonly value: ReadonlyMap<string, string | undefined> };
}

const KEY_PREFIX = 'attributes.';

/**
 * What a mask (AIP-134) picks from the new values: "name", "email", "attributes", "attributes.KEY" or "*". Without paths
 * it picks the fields that are not empty. Adds violations for unknown paths and for the values that are picked.
 */
export function readUserPatch(violations: Violations, mask: readonly string[] = [], fields: UserFields): UserPatch {
  const paths = new Set(mask.length > 0 ? knownPaths(violations, mask) : populatedPaths(fields));
  const all = paths.has('*');
  const patch: UserPatch = {
    ...((all || paths.has('name')) && { name: fields.name }),
    ...((all || paths.has('email')) && { email: fields.email }),
    attributes: all || paths.has('attributes') ? { $case: 'all', value: fields.attributes } : pickSome(paths, fields),
  };
  checkPatch(violations, patch);
  return patch;
}

/** Throws `invalid` if the user would have more attributes than allowed. */
export function applyUserPatch(patch: UserPatch, fields: UserFields): UserFields {
  return {
    name: patch.name ?? fields.name,
    email: patch.email ?? fields.email,
    attributes: applyToAttributes(patch.attributes, fields.attributes),
  };
}

function knownPaths(violations: Violations, mask: readonly string[]): readonly string[] {
  mask.forEach((path, index) => {
    if (['name', 'email', 'attributes', '*'].includes(path)) return;
    if (path.startsWith(KEY_PREFIX) && isAttributeKey(path.slice(KEY_PREFIX.length))) return;
    const known = '"name", "email", "attributes", "attributes.KEY" or "*"';
    violations.add(`update_mask.paths[${index}]`, `${quote(path)} cannot be changed; use ${known}`);
  });
  return mask;
}

function populatedPaths({ name, email, attributes }: UserFields): readonly string[] {
  return [
    ...(name === '' ? [] : ['name']),
    ...(email === '' ? [] : ['email']),
    ...(attributes.size === 0 ? [] : ['attributes']),
  ];
}

function pickSome(paths: ReadonlySet<string>, { attributes }: UserFields): UserPatch['attributes'] {
  const keys = [...paths].filter((path) => path.startsWith(KEY_PREFIX)).map((path) => path.slice(KEY_PREFIX.length));
  if (keys.length === 0) return undefined;
  return { $case: 'some', value: new Map(keys.map((key) => [key, attributes.get(key)])) };
}

function checkPatch(violations: Violations, { name, email, attributes }: UserPatch): void {
  if (name !== undefined) checkName(violations, 'user.name', name);
  if (email !== undefined && email !== '') checkEmail(violations, 'user.email', email);
  if (attributes?.$case === 'all') checkAttributes(violations, 'user.attributes', attributes.value);
  if (attributes?.$case === 'some') checkAttributes(violations, 'user.attributes', present(attributes.value));
}

function applyToAttributes(
  change: UserPatch['attributes'],
  current: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  if (change === undefined) return current;
  if (change.$case === 'all') return change.value;
  const merged = present(new Map([...current, ...change.value]));
  const violations = createViolations();
  checkAttributes(violations, 'user.attributes', merged);
  violations.throwIfAny();
  return merged;
}

function present(attributes: ReadonlyMap<string, string | undefined>): ReadonlyMap<string, string> {
  return new Map([...attributes].filter((pair): pair is [string, string] => pair[1] !== undefined));
}
