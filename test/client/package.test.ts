import { execFile } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clientDependencies, installPackage, type ForeignProject } from '../support/installed-package.js';

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../../..');
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Record<
  'dependencies' | 'optionalDependencies',
  Record<string, string>
>;

describe('leat/client, installed in an empty project', () => {
  let project: ForeignProject;
  beforeAll(async () => void (project = await installPackage()));
  afterAll(() => project[Symbol.asyncDispose]());

  async function runProgram(text: string) {
    writeFileSync(path.join(project.path, 'program.js'), text);
    const { stdout } = await run(process.execPath, ['program.js'], { cwd: project.path });
    return stdout;
  }

  it('runs without any package of the server', async () => {
    const stdout = await runProgram(`
      import { createLeatClient, LeatError, Status, TailState } from 'leat/client';
      const client = createLeatClient({ address: '127.0.0.1:1', maxAttempts: 1 });
      const error = await client.users.listUsers({}).catch((thrown) => thrown);
      console.log(error instanceof LeatError, Status[error.code], TailState.TAIL_STATE_LIVE);
      await client.close();`);
    expect(stdout).toBe('true UNAVAILABLE 2\n');
  });

  it('has a provider for Yjs, for those who have installed Yjs', async () => {
    const program = `
      const { createYjsProvider } = await import('leat/yjs').catch(({ message }) => ({ createYjsProvider: message }));
      console.log(typeof createYjsProvider === 'function' ? 'there' : createYjsProvider);`;
    expect(await runProgram(program)).toMatch(/^Cannot find package '(yjs|y-protocols)' /);
    for (const name of ['yjs', 'y-protocols', 'lib0']) {
      symlinkSync(path.join(root, 'node_modules', name), path.join(project.path, 'node_modules', name));
    }
    expect(await runProgram(program)).toBe('there\n');
  });

  it('has its dependencies among those that are always installed, and the server its own among the optional', () => {
    const always = Object.keys(manifest.dependencies);
    expect(always).toEqual(expect.arrayContaining(clientDependencies));
    const optional = Object.keys(manifest.optionalDependencies);
    expect(optional).toEqual(expect.arrayContaining(['better-sqlite3', '@node-rs/crc32', 'pino', 'prom-client']));
    expect(always.filter((name) => optional.includes(name))).toEqual([]);
  });

  it('has types for programs in TypeScript, at their strictest', async () => {
    const program = `
      import { createLeatClient, LeatError, type FollowedEvent, type LeatClient } from 'leat/client';
      const client: LeatClient = createLeatClient({ address: 'x:1', token: async () => 't', tls: { ca: 'pem' } });
      export const users: Promise<string[]> = client.users.listUsers({}).then((page) => page.users.map((u) => u.name));
      export const result = client.publish('t', [{ type: 'a', payload: { $case: 'text', value: 'b' } }]);
      export async function read(): Promise<FollowedEvent | undefined> {
        for await (const event of client.follow('t', { checkpoint: { cursor: 'c' }, filter: { types: ['a.*'] } })) return event;
        return undefined;
      }
      export const size: Promise<bigint> = client.upload('path', { size: 7 }).then(({ blob }) => blob.size);
      export const sources = [Buffer.from('x'), (offset: number) => (async function* () { yield Buffer.from(String(offset)); })()];
      export const more = sources.map((source) => client.upload(source, { onProgress: ({ durable }) => void durable }));
      export const page = fetch('http://x').then(({ body }) => body && client.upload(body));
      export const saved: Promise<boolean> = client.download('id', process.stdout, { end: false }).then((r) => r.verified);
      export const web = client.download('id', new WritableStream<Uint8Array>());
      export async function first(): Promise<Uint8Array | undefined> {
        for await (const bytes of client.readBlob('id', { offset: 1 })) return bytes;
        return undefined;
      }
      export const text: string = LeatError.from(7).message;
      // @ts-expect-error There is no such place.
      client.follow('t', { start: 'middle' });`;
    writeFileSync(path.join(project.path, 'program.ts'), program);
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
    const types = ['--types', 'node', '--typeRoots', path.join(root, 'node_modules/@types')];
    const strict = ['--strict', '--noUncheckedIndexedAccess', '--exactOptionalPropertyTypes', '--skipLibCheck'];
    const args = [tsc, '--noEmit', '--target', 'es2022', '--module', 'nodenext', ...types, ...strict, 'program.ts'];
    const { stdout } = await run(process.execPath, args, { cwd: project.path }).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe('');
  });

  it('comes with the contract, and with nothing that is only ours', () => {
    expect(project.files).toEqual(expect.arrayContaining(['proto/leat/v1/event.proto', 'LICENSE', 'README.md']));
    expect(project.files.filter((file) => /^(dist\/)?(test|bench|examples)\//.test(file))).toEqual([]);
  });

  it('says what is missing when somebody wants to serve with it', async () => {
    const args = ['node_modules/leat/dist/src/cli/main.js', 'serve', '--data-dir', 'data'];
    const failed = run(process.execPath, args, { cwd: project.path });
    await expect(failed).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^error: only the client is installed \(.*; to serve, install leat without .*\n$/),
    });
  });
});
