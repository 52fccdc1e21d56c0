import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Status } from 'nice-grpc';
import { createPartNames } from '../../src/client/download/part-names.js';
import { createLeatClient, type LeatClient, LeatError } from '../../src/client/index.js';
import { partsOf } from '../support/download-parts.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { makeTempDir } from '../support/temp-dir.js';
import { type FileScript, type ScriptedFiles, startScriptedFiles } from './scripted-files.js';

const CHUNK = 64 << 10;
const backoff = { initialMs: 1, maxMs: 5 };
const bytes = randomBytes(5 * CHUNK + 7);
let resources: ResourceStack;
let files: ScriptedFiles;
let client: LeatClient;
let file: string;

beforeEach(async () => {
  resources = createResourceStack();
  files = resources.use(await startScriptedFiles());
  files.blobs.set('b', bytes);
  client = resources.use(createLeatClient({ address: files.address }));
  file = path.join(resources.use(await makeTempDir()).path, 'file');
});
afterEach(() => resources.dispose());

async function failureOf(downloading: Promise<unknown>): Promise<LeatError> {
  const error = await downloading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof LeatError) return error;
  throw new Error('it did not fail as it should', { cause: error });
}

type OnFrame = NonNullable<FileScript['onFrame']>;

/** Changes the chunk at this byte. */
const onChunkAt =
  (at: number, change: OnFrame): OnFrame =>
  (frame, call) =>
    frame.frame?.$case === 'chunk' && Number(frame.frame.value?.offset) === at ? change(frame, call) : frame;

const damage: OnFrame = ({ frame }) => ({
  frame: { $case: 'chunk', value: { ...(frame?.$case === 'chunk' ? frame.value : {}), crc32c: 1 } },
});

describe('download, when what comes is not right', () => {
  it('asks again for what was damaged on its way, and gives up when it is damaged for ever', async () => {
    files.script = { onFrame: onChunkAt(2 * CHUNK, (frame, call) => (call < 3 ? damage(frame, call) : frame)) };
    expect(await client.download('b', file, { backoff })).toMatchObject({ verified: true });
    expect(readFileSync(file).equals(bytes)).toBe(true);
    expect(files.calls.download).toBe(3);
    files.script = { onFrame: onChunkAt(2 * CHUNK, damage) };
    const error = await failureOf(client.download('b', `${file}2`, { backoff }));
    expect(error).toMatchObject({ code: Status.DATA_LOSS, reason: 'DOWNLOAD_DAMAGED' });
    expect(existsSync(`${file}2`)).toBe(false);
  });

  it('takes neither an early end nor a gap for right, and goes on at the byte where it was', async () => {
    const asked: number[] = [];
    const cutAt = onChunkAt(CHUNK, (frame, call) => (call === 1 ? undefined : frame));
    const gapAt = onChunkAt(3 * CHUNK, (frame, call) =>
      call === 2 ? { frame: { $case: 'chunk', value: { offset: 7n } } } : frame,
    );
    files.script = {
      onFrame(frame, call) {
        if (frame.frame?.$case === 'chunk') asked[call] ??= Number(frame.frame.value?.offset);
        const cut = cutAt(frame, call);
        return cut && gapAt(cut, call);
      },
    };
    await client.download('b', file, { backoff });
    expect(asked.slice(1)).toEqual([0, CHUNK, 3 * CHUNK]);
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  it('refuses bytes whose checksums are right and whose digest is not', async () => {
    const wrong: OnFrame = (frame) =>
      frame.frame?.$case === 'blob'
        ? { frame: { $case: 'blob', value: { ...frame.frame.value, sha256: Buffer.alloc(32) } } }
        : frame;
    files.script = { onFrame: wrong };
    expect(await failureOf(client.download('b', file, { backoff }))).toMatchObject({ reason: 'DOWNLOAD_DAMAGED' });
    expect(existsSync(file)).toBe(false);
    const read = async () => {
      for await (const _ of client.readBlob('b')) continue;
    };
    expect(await failureOf(read())).toMatchObject({ reason: 'DOWNLOAD_DAMAGED' });
  });

  it('does not put two blobs together that had one id, one after the other', async () => {
    files.script = {
      onFrame: onChunkAt(2 * CHUNK, (frame, call) => {
        if (call > 1) return frame;
        files.blobs.set('b', randomBytes(bytes.length));
        return undefined;
      }),
    };
    const error = await failureOf(client.download('b', file, { backoff }));
    expect(error).toMatchObject({ code: Status.ABORTED, reason: 'BLOB_CHANGED' });
    expect(existsSync(file)).toBe(false);
  });

  it('begins anew if the part that is there is of something else', async () => {
    const partOf = (target: string) => {
      const names = createPartNames(target, createHash('sha256').update(bytes).digest());
      return names.released(names.fresh());
    };
    writeFileSync(partOf(file), randomBytes(2 * CHUNK));
    expect(await client.download('b', file, { backoff })).toMatchObject({ verified: true });
    expect(readFileSync(file).equals(bytes)).toBe(true);
    writeFileSync(partOf(`${file}2`), randomBytes(bytes.length + 1));
    expect(await client.download('b', `${file}2`)).toMatchObject({ received: bytes.length });
    expect(readFileSync(`${file}2`).equals(bytes)).toBe(true);
    expect([...(await partsOf(file)), ...(await partsOf(`${file}2`))]).toEqual([]);
  });
});
