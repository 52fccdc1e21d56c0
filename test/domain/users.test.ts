import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Event } from '../../gen/leat/v1/event.js';
import { PublishEventsRequest } from '../../gen/leat/v1/event_service.js';
import { User } from '../../gen/leat/v1/user_service.js';
import { userChanged, userDeleted } from '../../src/domain/users/user-events.js';
import { applyUserPatch, readUserPatch } from '../../src/domain/users/user-mask.js';
import { creationDigest, type UserFields } from '../../src/domain/users/user-record.js';
import { readCreateUser, readGetUser, readUpdateUser } from '../../src/domain/users/user-requests.js';
import { createViolations } from '../../src/domain/validation/violations.js';
import { emailKeyOf } from '../../src/store/encoding/email-key.js';
import type { EventRun } from '../../src/store/encoding/event-run.js';
import { thrownBy, violatedBy } from '../support/thrown-by.js';

const keys = fc.constantFrom<string>('a', 'b', 'c.d', '__proto__');
const attributes = fc
  .uniqueArray(fc.tuple(keys, fc.string()), { selector: ([key]) => key })
  .map((pairs) => new Map(pairs));
const emails = fc.constantFrom('', 'ada@x', 'Ada@x');
const users = fc.record({ name: fc.constantFrom('Ada', 'Bob'), email: emails, attributes });
const paths = fc.constantFrom<string>(
  'name',
  'email',
  'attributes',
  '*',
  'attributes.a',
  'attributes.c.d',
  'attributes.__proto__',
);

function patched(before: UserFields, mask: string[] | undefined, values: UserFields): UserFields {
  const violations = createViolations();
  const patch = readUserPatch(violations, mask, values);
  violations.throwIfAny();
  return applyUserPatch(patch, before);
}

function eventOf(run: EventRun): Event {
  expect(run.count).toBe(1);
  return Event.fromPartial(PublishEventsRequest.decode(run.bytes).events[0] ?? {});
}

function textOf(event: Event): unknown {
  return event.payload?.$case === 'text' ? JSON.parse(event.payload.value) : undefined;
}

describe('the comparable form of an email', () => {
  it('is one for every case and composition', () => {
    expect(emailKeyOf('ADA@Example.ORG')).toBe(emailKeyOf('ada@example.org'));
    expect(emailKeyOf('Zoe\u0308@x')).toBe(emailKeyOf('ZO\u00cb@x'));
    expect(emailKeyOf('ada@x')).not.toBe(emailKeyOf('adb@x'));
  });

  it('is one for every spelling that full case folding makes equal', () => {
    for (const [one, other] of [
      ['ΓΙΩΡΓΟΣ.Π@x.gr', 'γιωργος.π@x.gr'],
      ['ΓΙΏΡΓΟΣ.Π@x.gr', 'γιώργοσ.π@x.gr'],
      ['ΟΔΥΣΣΕΥΣ@x.gr', 'οδυσσευς@x.gr'],
      ['STRASSE@x.de', 'straße@x.de'],
      ['STRAẞE@x.de', 'strasse@x.de'],
      ['ﬁnn@x', 'FINN@x'],
      ['\u212aelvin@x', 'kelvin@x'],
      ['ᾳ@x', 'ΑΙ@x'],
      ['ԵՒ@x', 'և@x'],
      // Accents in another order, which is not the order of their folded forms.
      ['\u03b1\u0345\u0301@x', '\u1fb4@x'],
      // Letters that compose with their accents only once they are folded.
      ['\u03aa\u0301@x', '\u0390@x'],
    ] as const) {
      expect([one, emailKeyOf(one)]).toEqual([one, emailKeyOf(other)]);
    }
  });

  it('keeps letters apart that are different ones, such as the i without a dot', () => {
    for (const [one, other] of [
      ['ıpek@x', 'ipek@x'],
      ['İpek@x', 'ipek@x'],
      ['ö@x', 'o@x'],
    ] as const) {
      expect(emailKeyOf(one)).not.toBe(emailKeyOf(other));
    }
    expect(emailKeyOf('İpek@x')).toBe(emailKeyOf('i\u0307pek@x'));
  });

  it('is its own comparable form', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (s) => expect(emailKeyOf(emailKeyOf(s))).toBe(emailKeyOf(s))),
    );
  });
});

describe('an email that no address can be', () => {
  const violationsOf = (act: () => unknown) => thrownBy(act).options.violations;

  it.each([
    ['', 'must have exactly one "@" outside a quoted local part'],
    [' ', 'must have exactly one "@" outside a quoted local part'],
    ['ada', 'must have exactly one "@" outside a quoted local part'],
    ['a@@b', 'must have exactly one "@" outside a quoted local part'],
    ['a@b@c', 'must have exactly one "@" outside a quoted local part'],
    ['"a@b', 'must have exactly one "@" outside a quoted local part'],
    ['"a"@b@c', 'must have exactly one "@" outside a quoted local part'],
    ['@', 'must have a local part before the "@"'],
    ['@x', 'must have a local part before the "@"'],
    ['""@x', 'must have a local part before the "@"'],
    ['x@', 'must have a domain after the "@"'],
    [' @ ', 'must not contain spaces outside a quoted local part'],
    [' a@x', 'must not contain spaces outside a quoted local part'],
    ['a b@x', 'must not contain spaces outside a quoted local part'],
    ['a@x ', 'must not contain spaces in the domain'],
    ['a@ ', 'must not contain spaces in the domain'],
    ['a@.', 'must have a domain without empty labels'],
    ['a@x..y', 'must have a domain without empty labels'],
    ['a\u0000@x', 'must not contain control characters, line breaks or invisible characters'],
    ['a@x\n', 'must not contain control characters, line breaks or invisible characters'],
    ['a\t@x', 'must not contain control characters, line breaks or invisible characters'],
    ['a\u00a0@x', 'must not contain control characters, line breaks or invisible characters'],
    ['a\u200b@x', 'must not contain control characters, line breaks or invisible characters'],
    ['a\u202e@x', 'must not contain control characters, line breaks or invisible characters'],
    [`${'a'.repeat(253)}@x`, 'must have at most 254 characters'],
  ])('is refused with what is wrong with it: %j', (email, description) => {
    const lookUp = () => readGetUser({ key: { $case: 'email', value: email } });
    expect(violationsOf(lookUp)).toEqual([{ field: 'email', description }]);
    if (email === '') return; // Creates a user without one.
    const create = () => readCreateUser({ user: User.create({ name: 'n', email }) });
    expect(violationsOf(create)).toEqual([{ field: 'user.email', description }]);
  });

  it.each([
    'ada@x',
    'ada@[127.0.0.1]',
    '"a@b c"@x.org',
    '"a\\"@"@x',
    'γιώργος@παράδειγμα.gr',
    'a+b@x-y.co',
    '\u{20000}@x',
    // A joiner, which some scripts need, cannot be seen either.
    'क्\u200dष@x.in',
  ])('is not any of those that are unusual: %s', (email) => {
    expect(readGetUser({ key: { $case: 'email', value: email } })).toEqual({ $case: 'email', value: email });
  });
});

describe('an update mask', () => {
  it('changes what it names and nothing else', () => {
    fc.assert(
      fc.property(users, users, fc.array(paths, { minLength: 1 }), (before, values, mask) => {
        const after = patched(before, mask, values);
        const named = (path: string) => mask.includes(path) || mask.includes('*');
        expect(after.name).toBe(named('name') ? values.name : before.name);
        expect(after.email).toBe(named('email') ? values.email : before.email);
        for (const key of ['a', 'b', 'c.d', '__proto__']) {
          const source = named('attributes') || mask.includes(`attributes.${key}`) ? values : before;
          expect(after.attributes.get(key)).toBe(source.attributes.get(key));
        }
      }),
    );
  });

  it('that is absent or empty names the fields that are not empty', () => {
    const before = { name: 'Ada', email: 'ada@x', attributes: new Map([['a', '1']]) };
    const none = { name: '', email: '', attributes: new Map<string, string>() };
    expect(patched(before, undefined, none)).toEqual(before);
    expect(patched(before, [], { ...none, name: 'Bob' })).toEqual({ ...before, name: 'Bob' });
    expect(patched(before, undefined, { ...none, attributes: new Map([['b', '']]) })).toEqual({
      ...before,
      attributes: new Map([['b', '']]),
    });
  });

  it('cannot add more attributes than a user may have', () => {
    const before = { name: 'Ada', email: '', attributes: new Map(Array.from({ length: 32 }, (_, i) => [`k${i}`, ''])) };
    const values = { name: '', email: '', attributes: new Map([['a', '1']]) };
    expect(violatedBy(() => patched(before, ['attributes.a'], values))).toEqual(['user.attributes']);
    expect(patched(before, ['attributes.a', 'attributes.k0'], values).attributes.size).toBe(32);
  });

  it('is refused with every path that cannot be changed and every value that is wrong', () => {
    const user = User.fromPartial({
      userId: 'ada',
      name: '',
      email: 'no',
      attributes: new Map([['a', 'é'.repeat(513)]]),
    });
    const updateMask = ['user_id', 'name', 'email', 'etag', 'attributes.', 'attributes.A', 'attributes.a', ''];
    expect(violatedBy(() => readUpdateUser({ user, updateMask }))).toEqual([
      'update_mask.paths[0]',
      'update_mask.paths[3]',
      'update_mask.paths[4]',
      'update_mask.paths[5]',
      'update_mask.paths[7]',
      'user.name',
      'user.email',
      'user.attributes["a"]',
    ]);
  });
});

describe('a new user', () => {
  const create = (user: Parameters<typeof User.fromPartial>[0] | undefined) =>
    violatedBy(() => readCreateUser({ user: user && User.fromPartial(user) }));

  it.each(['a', '0', 'A'.repeat(128), 'ada@example.org', 'a+b_c-d.e'])('may have the id %j', (userId) => {
    expect(create({ userId, name: 'Ada' })).toEqual([]);
  });

  it.each(['-a', '@a', 'a b', 'a/b', 'ä', 'a\n', 'a\0', 'A'.repeat(129)])('may not have the id %j', (userId) => {
    expect(create({ userId, name: 'Ada' })).toEqual(['user.user_id']);
  });

  it('is refused with everything that is wrong', () => {
    const bad = { userId: '!', name: 'n'.repeat(257), email: 'a@b@c', attributes: new Map([['K', '']]) };
    expect(create(bad)).toEqual(['user.user_id', 'user.name', 'user.email', 'user.attributes["K"]']);
    expect(create(undefined)).toEqual(['user.name']);
  });

  it('may have an email of 254 characters, with exactly one "@"', () => {
    expect(create({ name: 'Ada', email: `${'😀'.repeat(252)}@x` })).toEqual([]);
    expect(create({ name: 'Ada', email: `${'a'.repeat(253)}@x` })).toEqual(['user.email']);
    expect(create({ name: 'Ada', email: 'ada' })).toEqual(['user.email']);
  });

  it('is told from another by its content, whatever the order of its attributes', () => {
    const digest = (fields: UserFields) => Buffer.from(creationDigest(fields)).toString('hex');
    const digestOf = (pairs: [string, string][], email = '') =>
      digest({ name: 'A', email, attributes: new Map(pairs) });
    const pairs: [string, string][] = [
      ['a', '1'],
      ['b', '2'],
    ];
    expect(digestOf(pairs)).toBe(digestOf([...pairs].reverse()));
    expect(digestOf(pairs)).not.toBe(
      digestOf([
        ['a', '2'],
        ['b', '1'],
      ]),
    );
    expect(digestOf(pairs)).not.toBe(digestOf(pairs, 'a@b'));
  });
});

describe('a user that is looked for', () => {
  it('is named by exactly one key that can be one', () => {
    expect(violatedBy(() => readGetUser({ key: undefined }))).toEqual(['key']);
    expect(violatedBy(() => readGetUser({ key: { $case: 'userId', value: '' } }))).toEqual(['user_id']);
    expect(violatedBy(() => readGetUser({ key: { $case: 'email', value: 'ada' } }))).toEqual(['email']);
  });
});

describe('the event of a user', () => {
  it('carries the proto-JSON of the user, every attribute in it, without the etag', () => {
    fc.assert(
      fc.property(users, (fields) => {
        const user = User.fromPartial({
          userId: 'ada',
          etag: '7',
          createTime: { seconds: 1n, nanos: 5_000_000 },
          ...fields,
        });
        const event = eventOf(userChanged('user.updated', user));
        expect(event).toMatchObject({ id: '', type: 'user.updated', subject: 'ada', contentType: 'application/json' });
        const json = textOf(event) as { attributes?: object; createTime: string };
        expect(new Map(Object.entries(json.attributes ?? {}))).toEqual(fields.attributes);
        expect(json).not.toHaveProperty('etag');
        expect(json.createTime).toBe('1970-01-01T00:00:01.005Z');
      }),
    );
  });

  it('of a removal carries nothing but the id', () => {
    expect(textOf(eventOf(userDeleted('ada')))).toEqual({ userId: 'ada' });
  });
});
