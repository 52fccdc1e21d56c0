import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = path.resolve(import.meta.dirname, '../..');

function sources(folder: string): string {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(path.join(root, folder, file), 'utf8'))
    .join('\n');
}

/** Reasons that never reach a client: they end the start of a server, or are turned into another before. */
const internal = [
  'DATA_DIR_IN_USE',
  'DATA_DIR_UNUSABLE',
  'DATA_DIR_FULL',
  'STORE_TOO_NEW',
  'NOT_A_STORE',
  'STORE_MISSING',
  'REVISION_MISMATCH',
  'BLOB_EXISTS',
  'CHAIN_BROKEN',
];

describe('docs/protocol.md', () => {
  it('explains every reason that an error can have', () => {
    const code = ['domain', 'services', 'middleware', 'server', 'store']
      .map((room) => sources(`src/${room}`))
      .join('\n');
    const made = /(?:DomainError\(\s*'[a-z-]+',|notFound\(|errorInfo\(|, )\s*'([A-Z]+(?:_[A-Z]+)+)'/g;
    const reasons = new Set([...code.matchAll(made)].map(([, reason]) => reason ?? ''));
    const protocol = readFileSync(path.join(root, 'docs/protocol.md'), 'utf8');
    const missing = [...reasons].filter((reason) => !internal.includes(reason) && !protocol.includes(`\`${reason}\``));
    expect(reasons.size).toBeGreaterThan(25);
    expect(missing).toEqual([]);
  });

  it('links to nothing that is not there', () => {
    const links = ['README.md', 'CONTRIBUTING.md', 'docs/protocol.md'].flatMap((file) =>
      [...readFileSync(path.join(root, file), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, to]) =>
        path.relative(root, path.resolve(root, path.dirname(file), to ?? '')),
      ),
    );
    const files = new Set(readdirSync(root, { encoding: 'utf8' }));
    expect(links.filter((link) => !files.has(link.split(path.sep)[0] ?? ''))).toEqual([]);
    expect(links.length).toBeGreaterThan(5);
  });
});
