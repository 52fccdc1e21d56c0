import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Status } from 'nice-grpc';
import { startScriptedFiles, type ScriptedFiles } from '../client/scripted-files.js';
import { createResourceStack } from '../support/resource-stack.js';
import { makeTempDir } from '../support/temp-dir.js';
import { runLeat, startService, type TestService } from './leat-process.js';

const PIECE = 256 << 10;
const resources = createResourceStack();
let service: TestService;
let scripted: ScriptedFiles;
let dir: string;
beforeAll(async () => {
  service = resources.use(await startService());
  scripted = resources.use(await startScriptedFiles());
  dir = resources.use(await makeTempDir()).path;
});
afterAll(() => resources.dispose());
beforeEach(() => void (scripted.script = {}));

const leat = (...args: string[]) => runLeat([...args, '--address', service.address]);
const pipeTo = (input: string | Uint8Array, ...args: string[]) =>
  runLeat([...args, '--address', service.address], { input });

async function fileOf(name: string, bytes: Uint8Array | string): Promise<string> {
  await writeFile(path.join(dir, name), bytes);
  return path.join(dir, name);
}

describe('leat upload of the standard input', () => {
  it('succeeds under the id of a blob with the same content, and with no other', async () => {
    const contents = ['', 'a', 'ab', 'abc', 'xb'];
    for (const stored of ['', 'ab']) {
      const id = `stored-${stored.length}`;
      expect(await pipeTo(stored, 'upload', '-', '--id', id)).toMatchObject({ code: 0, stdout: `${id}\n` });
      for (const content of contents) {
        const { code, stdout, stderr } = await pipeTo(content, 'upload', '-', '--id', id);
        const isSame = content === stored;
        expect({ content, code, stdout }).toEqual({ content, code: isSame ? 0 : 5, stdout: isSame ? `${id}\n` : '' });
        if (isSame) continue;
        expect(stderr).toContain('BLOB_DIFFERS');
        expect(stderr).toMatch(/\n {2}stored-\d has other content or another owner; give another id with --id\n$/);
        expect(stderr).not.toContain('same command');
      }
      expect((await leat('download', id, '-o', '-')).stdout).toBe(stored);
    }
  });
});

describe('files whose size is not what can be read', () => {
  it('are uploaded and published as they are read', async () => {
    const version = readFileSync('/proc/version', 'utf8');
    const { code, stdout: id } = await leat('upload', '/proc/version', '--json');
    expect(code).toBe(0);
    const { blobId, name } = JSON.parse(id) as { blobId: string; name: string };
    expect(name).toBe('version');
    expect((await leat('download', blobId, '-o', '-')).stdout).toBe(version);
    expect(await leat('publish', 'proc', '/proc/version')).toMatchObject({ code: 0 });
    expect((await leat('tail', 'proc')).stdout).toContain(version.trim());
    // What they have can change without a trace: each upload is a new one, unless it has an id.
    const again = await leat('upload', '/proc/version');
    expect(again.stdout.trim()).not.toBe(blobId);
  });

  it('are no reason to refuse what has no size: an empty device is an empty blob', async () => {
    const { stdout } = await leat('upload', '/dev/null', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ name: 'null', size: '0' });
  });
});

describe('--json', () => {
  it('prints the SHA-256 as sha256sum does', async () => {
    const bytes = randomBytes(1000);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const file = await fileOf('digest', bytes);
    const uploaded = await leat('upload', file, '--id', 'digest', '--json');
    const outputs = [
      uploaded,
      await leat('blobs', 'show', 'digest', '--json'),
      await leat('download', 'digest', '-o', path.join(dir, 'digest-back'), '--json'),
    ];
    for (const { stdout } of outputs) expect(JSON.parse(stdout)).toMatchObject({ blobId: 'digest', sha256 });
    const listed = (await leat('blobs', '--json')).stdout.trim().split('\n');
    expect(listed.map((line) => JSON.parse(line) as unknown)).toContainEqual(expect.objectContaining({ sha256 }));
  });
});

describe('the hint after a failed upload', () => {
  it('names another id, not another try, if the stored content is not that of the file', async () => {
    const file = await fileOf('differs', 'first');
    const id = (await leat('upload', file)).stdout.trim();
    // The same size and time make the same id.
    const time = new Date(1e12);
    await utimes(file, time, time);
    const stable = (await leat('upload', file)).stdout.trim();
    await writeFile(file, 'other');
    await utimes(file, time, time);
    const { code, stderr } = await leat('upload', file);
    expect({ code, same: stable === id }).toEqual({ code: 5, same: false });
    expect(stderr).toContain('BLOB_DIFFERS');
    expect(stderr).toMatch(/give another id with --id\n$/);
    expect(stderr).not.toContain('same command');
  });

  it('is the same for the id of another user', async () => {
    await pipeTo('mine', 'upload', '-', '--id', 'owned', '--user', 'ada');
    for (const content of ['mine', 'yours']) {
      const { code, stderr } = await pipeTo(content, 'upload', '-', '--id', 'owned', '--user', 'bob');
      expect(code).toBe(5);
      expect(stderr).toMatch(
        /UPLOAD_DIFFERS.*\n {2}owned has other content or another owner; give another id with --id\n$/,
      );
      expect(stderr).not.toContain('same command');
    }
  });

  it('says that the server threw the upload away, after DIGEST_MISMATCH', async () => {
    const file = await fileOf('mismatch', randomBytes(2 * PIECE));
    scripted.script = { onFinish: (_call, refuse) => refuse(Status.DATA_LOSS, 'DIGEST_MISMATCH') };
    const { code, stderr } = await runLeat(['upload', file, '--id', 'mismatch', '--address', scripted.address]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/DIGEST_MISMATCH.*\n {2}the server discarded the upload; the same command starts again/);
    expect(stderr).not.toContain('goes on from there');
  });

  it('is one clear error when the disk of the server is full, and nothing is tried again', async () => {
    const file = await fileOf('full', randomBytes(3 * PIECE));
    const before = scripted.calls.upload;
    scripted.script = {
      onChunk: (offset, _call, refuse) => void (offset > 0 && refuse(Status.RESOURCE_EXHAUSTED, 'DISK_FULL', 5000)),
    };
    const args = ['upload', file, '--id', 'full', '--address', scripted.address];
    const { code, stdout, stderr } = await runLeat(args);
    expect({ code, stdout, calls: scripted.calls.upload - before }).toEqual({ code: 1, stdout: '', calls: 1 });
    expect(stderr).toMatch(/^error: disk full on the server: .*\(RESOURCE_EXHAUSTED, DISK_FULL\)\n/);
    expect(stderr.match(/error/g)).toHaveLength(1);
    expect(stderr).not.toContain('connection lost');
    expect(stderr).not.toContain('try again in');
    scripted.script = {};
    expect(await runLeat(args)).toMatchObject({ code: 0, stdout: 'full\n' });
  });

  it('tells an overloaded server from a lost connection', async () => {
    const file = await fileOf('overloaded', randomBytes(2 * PIECE));
    const before = scripted.calls.upload;
    scripted.script = {
      onChunk: (_offset, call, refuse) =>
        void (call === before + 1 && refuse(Status.RESOURCE_EXHAUSTED, 'OVERLOADED', 1)),
    };
    const { code, stderr } = await runLeat(['upload', file, '--id', 'busy', '--address', scripted.address]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^the server is not ready \(OVERLOADED: .*\); resuming in .* \(try 1\)\nconnected again\n$/);
  });
});
