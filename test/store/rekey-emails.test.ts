import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from '@jest/globals';
import { User } from '../../gen/leat/v1/user_service.js';
import { emailKeyOf } from '../../src/store/encoding/email-key.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { createDatabaseV1 } from '../support/schema-v1.js';
import { makeTempDir } from '../support/temp-dir.js';

interface OldUser {
  readonly userId: string;
  readonly email: string;
  /** In seconds since 1970. */
  readonly created: bigint;
}

/** Keys as version 1 computed them. */
const oldKeyOf = (email: string) => email.normalize('NFC').toLowerCase().normalize('NFC');

function fill(file: string, users: readonly OldUser[]): void {
  const db = createDatabaseV1(file);
  const insert = db.prepare('INSERT INTO users VALUES (?, ?, ?, ?, ?)');
  for (const [index, { userId, email, created }] of users.entries()) {
    const user = User.create({ userId, name: userId, email, createTime: { seconds: created, nanos: 0 } });
    const key = email === '' ? null : oldKeyOf(email);
    insert.run(userId, key, index + 1, Buffer.alloc(32), User.encode(user).finish());
  }
  db.close();
}

const versionOf = (file: string) => {
  const db = new Database(file, { readonly: true });
  const version = db.pragma('user_version', { simple: true });
  db.close();
  return version;
};

describe('a database of version 1', () => {
  it('gets the keys of its emails computed anew, once', async () => {
    await using dir = await makeTempDir();
    const file = path.join(dir.path, 'leat.db');
    const many = Array.from({ length: 2_500 }, (_, index) => ({
      userId: `u${index}`,
      email: `U${index}@X`,
      created: 1n,
    }));
    const greek = { userId: 'giorgos', email: 'ΓΙΩΡΓΟΣ.Π@x.gr', created: 1n };
    fill(file, [...many, greek, { userId: 'none', email: '', created: 1n }]);
    const warnings: object[] = [];
    for (let start = 0; start < 2; start++) {
      const store = await openSqliteStore({ dataDir: dir.path, warn: (values) => warnings.push(values) });
      expect(store.epoch).toBe('epoch-of-v1');
      expect((await store.userByEmail(emailKeyOf('γιωργος.π@x.gr')))?.userId).toBe('giorgos');
      expect((await store.userByEmail(emailKeyOf('u2499@x')))?.userId).toBe('u2499');
      expect(await store.user('none')).toBeDefined();
      await store.close();
      expect(versionOf(file)).toBe(3);
    }
    expect(warnings).toEqual([]);
  });

  it('keeps users whose emails have become the same: the one created first is found by it, the others are reported', async () => {
    await using dir = await makeTempDir();
    fill(path.join(dir.path, 'leat.db'), [
      { userId: 'a', email: 'straße@x.de', created: 20n },
      { userId: 'b', email: 'STRASSE@x.de', created: 10n },
      { userId: 'c', email: 'STRASſE@x.de', created: 30n },
      // Its key is one that another user has until now.
      { userId: 'd', email: 'maße@x.de', created: 10n },
      { userId: 'e', email: 'MASSE@x.de', created: 20n },
    ]);
    const warnings: unknown[] = [];
    const warn = (values: object, message: string) => warnings.push([values, message]);
    const store = await openSqliteStore({ dataDir: dir.path, warn });
    const owner = await store.userByEmail(emailKeyOf('strasse@x.de'));
    expect(owner?.userId).toBe('b');
    expect((await store.userByEmail(emailKeyOf('masse@x.de')))?.userId).toBe('d');
    const emails = (await store.listUsers({ after: '', limit: 10 })).map(({ record }) => User.decode(record).email);
    expect(emails).toEqual(['straße@x.de', 'STRASSE@x.de', 'STRASſE@x.de', 'maße@x.de', 'MASSE@x.de']);
    expect(warnings).toEqual([
      [{ userId: 'a', ownerId: 'b' }, expect.stringContaining('give "a" another email')],
      [{ userId: 'c', ownerId: 'b' }, expect.stringContaining('give "c" another email')],
      [{ userId: 'e', ownerId: 'd' }, expect.stringContaining('give "e" another email')],
    ]);
    await store.close();
  });
});
