import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { link, mkdir, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import path from 'node:path';
import { reserveAndRename } from '../../src/client/download/part-file.js';
import { createPartNames } from '../../src/client/download/part-names.js';
import { createLeatClient, LeatError, type DownloadOptions, type LeatClient } from '../../src/client/index.js';
import { startCuttingProxy, type CuttingProxy } from '../support/cutting-proxy.js';
import { partsOf } from '../support/download-parts.js';
import { startLeat, type LeatServer } from '../support/leat-server.js';
import { mountTmpfs, whyNoMount } from '../support/mounts.js';
import { countOpenIn } from '../support/open-files.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { makeTempDir } from '../support/temp-dir.js';
import { until } from '../support/until.js';

const MIB = 1 << 20;
const backoff = { initialMs: 1, maxMs: 5 };
const a = randomBytes(3 * MIB + 1);
const b = randomBytes(3 * MIB + 1);
const sha256Of = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
const shared = createResourceStack();
let server: LeatServer;
let client: LeatClient;
let dir: string;
let resources: ResourceStack;

beforeAll(async () => {
  server = shared.use(await startLeat());
  client = shared.use(createLeatClient({ address: `127.0.0.1:${server.grpcPort}` }));
  await client.upload(a, { uploadId: 'a' });
  await client.upload(b, { uploadId: 'b' });
});
afterAll(() => shared.dispose());
beforeEach(async () => {
  resources = createResourceStack();
  dir = resources.use(await makeTempDir()).path;
});
afterEach(async () => {
  expect(await countOpenIn(dir)).toBe(0);
  await resources.dispose();
  await server.idle();
});

const inDir = (name: string) => path.join(dir, name);

/** How a download ended: "done", or the reason of its failure. */
function outcomeOf(downloading: Promise<unknown>): Promise<string> {
  return downloading.then(
    () => 'done',
    (error: unknown) => (error instanceof LeatError ? (error.reason ?? error.message) : String(error)),
  );
}

/** A download over a connection that is cut after some bytes; it has a part then, and waits until the proxy is healed. */
interface StalledDownload {
  readonly proxy: CuttingProxy;
  readonly outcome: Promise<string>;
  readonly stop: AbortController;
}

async function startStalled(blobId: string, file: string, options: DownloadOptions = {}): Promise<StalledDownload> {
  const proxy = resources.use(await startCuttingProxy(server.grpcPort));
  proxy.plan({ toClient: MIB / 2 }, ...Array.from({ length: 10_000 }, () => ({ toServer: 0 })));
  const own = resources.use(createLeatClient({ address: `127.0.0.1:${proxy.port}` }));
  const stop = new AbortController();
  let setbacks = 0;
  const settings = { ...options, backoff, signal: stop.signal, onSetback: () => void setbacks++ };
  const outcome = outcomeOf(own.download(blobId, file, settings));
  await until(() => setbacks > 0);
  return { proxy, outcome, stop };
}

describe('two downloads to one target', () => {
  it('of different blobs: one gets it, the other fails, and nothing is mixed, in 60 rounds', async () => {
    for (let round = 0; round < 60; round++) {
      const file = inDir(`round-${round}`);
      // What an earlier version left; pids and times mean nothing.
      await writeFile(`${file}.part.lock`, `${process.pid} ${hostname()}\n`);
      if (round % 2 === 0) await utimes(`${file}.part.lock`, 0, 0);
      const outcomes = await Promise.all([
        outcomeOf(client.download('a', file)),
        outcomeOf(client.download('b', file)),
      ]);
      expect({ round, outcomes: [...outcomes].sort() }).toEqual({ round, outcomes: ['TARGET_EXISTS', 'done'] });
      expect(readFileSync(file).equals(outcomes[0] === 'done' ? a : b)).toBe(true);
      expect(await partsOf(file)).toEqual([]);
    }
  });

  it('of one blob: both succeed, and leave nothing but the file, in 30 rounds', async () => {
    for (let round = 0; round < 30; round++) {
      const file = inDir(`round-${round}`);
      const outcomes = [outcomeOf(client.download('a', file)), outcomeOf(client.download('a', file))];
      expect({ round, outcomes: await Promise.all(outcomes) }).toEqual({ round, outcomes: ['done', 'done'] });
      expect(readFileSync(file).equals(a)).toBe(true);
      expect(await partsOf(file)).toEqual([]);
    }
  });

  it('with overwrite: the one that ends last has replaced the file as a whole', async () => {
    for (let round = 0; round < 10; round++) {
      const file = inDir('replaced');
      await writeFile(file, 'old');
      const options = { overwrite: true };
      const outcomes = [outcomeOf(client.download('a', file, options)), outcomeOf(client.download('b', file, options))];
      expect(await Promise.all(outcomes)).toEqual(['done', 'done']);
      const bytes = readFileSync(file);
      expect(bytes.equals(a) || bytes.equals(b)).toBe(true);
    }
  });

  it('of ranges: one gets it, the other fails, and no part is left', async () => {
    const file = inDir('range');
    const outcomes = [
      outcomeOf(client.download('a', file, { length: MIB })),
      outcomeOf(client.download('b', file, { length: MIB })),
    ];
    expect((await Promise.all(outcomes)).sort()).toEqual(['TARGET_EXISTS', 'done']);
    expect([a, b].some((bytes) => bytes.subarray(0, MIB).equals(readFileSync(file)))).toBe(true);
    expect(await partsOf(file)).toEqual([]);
  });
});

describe('a download that stands still', () => {
  it('writes nothing into the file that another one has finished meanwhile', async () => {
    const file = inDir('x');
    const stalled = await startStalled('a', file);
    expect(await outcomeOf(client.download('b', file))).toBe('done');
    const { ino } = lstatSync(file);
    stalled.proxy.heal();
    expect(await stalled.outcome).toBe('TARGET_EXISTS');
    expect(readFileSync(file).equals(b)).toBe(true);
    expect(lstatSync(file).ino).toBe(ino);
    expect(await partsOf(file)).toEqual([]);
  });

  it('succeeds if the same blob is there when it goes on, and its bytes have helped the other one', async () => {
    const file = inDir('x');
    const stalled = await startStalled('a', file);
    const [part = ''] = await partsOf(file);
    const { size } = lstatSync(part);
    expect(await client.download('a', file)).toMatchObject({ received: a.length - size, verified: true });
    expect(size).toBeGreaterThan(0);
    // Somebody works with the file, which is their own now.
    await writeFile(file, Buffer.concat([a, Buffer.from('my own')]), { flag: 'r+' });
    await writeFile(file, a);
    const { ino } = lstatSync(file);
    stalled.proxy.heal();
    expect(await stalled.outcome).toBe('done');
    expect(readFileSync(file).equals(a)).toBe(true);
    expect(lstatSync(file).ino).toBe(ino);
    expect(await partsOf(file)).toEqual([]);
  });

  it('never touches what somebody made of the finished file', async () => {
    const file = inDir('x');
    const stalled = await startStalled('a', file);
    await client.download('a', file);
    const edited = Buffer.concat([Buffer.from('edited'), a.subarray(6)]);
    await writeFile(file, edited, { flag: 'r+' });
    stalled.proxy.heal();
    expect(await stalled.outcome).toBe('TARGET_EXISTS');
    expect(readFileSync(file).equals(edited)).toBe(true);
  });

  it('completes by itself if the one that took its bytes over is aborted, or its part is removed', async () => {
    const file = inDir('x');
    const stalled = await startStalled('a', file);
    const second = await startStalled('a', file);
    second.stop.abort();
    await second.outcome;
    await Promise.all((await partsOf(file)).map((part) => rm(part)));
    stalled.proxy.heal();
    expect(await stalled.outcome).toBe('done');
    expect(readFileSync(file).equals(a)).toBe(true);
    expect(await partsOf(file)).toEqual([]);
  });

  it('leaves no more than one part besides that of the running one, however often it is repeated', async () => {
    const file = inDir('x');
    const stalled: StalledDownload[] = [];
    for (let run = 0; run < 4; run++) {
      stalled.push(await startStalled('a', file));
      expect((await partsOf(file)).length).toBeLessThanOrEqual(2);
    }
    for (const { stop, outcome } of stalled) {
      stop.abort();
      await outcome;
    }
    expect((await partsOf(file)).length).toBeLessThanOrEqual(2);
    await client.download('a', file);
    expect(await partsOf(file)).toEqual([]);
  });
});

describe("a user's own file", () => {
  it('that is called NAME.part is left alone, and so is what a link of that name points to', async () => {
    const options: DownloadOptions[] = [{}, { length: 10 }, { overwrite: true }];
    for (const [index, option] of options.entries()) {
      const [file, linked, own] = [inDir(`data-${index}`), inDir(`linked-${index}`), inDir(`own-${index}`)];
      await writeFile(`${file}.part`, 'mine');
      await writeFile(own, 'mine');
      await symlink(own, `${linked}.part`);
      for (const target of [file, linked]) await client.download('a', target, option);
      expect([readFileSync(`${file}.part`, 'utf8'), readFileSync(own, 'utf8')]).toEqual(['mine', 'mine']);
      expect(lstatSync(`${linked}.part`).isSymbolicLink()).toBe(true);
      expect(readFileSync(file).equals(a.subarray(0, option.length))).toBe(true);
    }
  });

  it('is not written through a link that has the name of a part', async () => {
    const own = inDir('own');
    for (const [index, make] of [symlink, link].entries()) {
      const file = inDir(`x-${index}`);
      const names = createPartNames(file, sha256Of(a));
      for (const part of [names.fresh(), names.released(names.fresh())]) {
        await writeFile(own, a.subarray(0, 1000));
        await make(own, part);
        await client.download('a', file, { overwrite: true });
        expect(readFileSync(own).equals(a.subarray(0, 1000))).toBe(true);
        expect(readFileSync(file).equals(a)).toBe(true);
        await rm(file);
      }
    }
  });

  it('is removed by no download but for parts that nobody wrote for a week', async () => {
    const old = createPartNames(inDir('other'), sha256Of(b));
    const parts = [old.fresh(), old.released(old.fresh()), createPartNames(inDir('other'), undefined).fresh()];
    const recent = old.fresh();
    const others = [inDir('.x.part'), inDir('.leat-part'), inDir('.other.leat-range-0123.part')];
    for (const file of [...parts, ...others, recent]) await writeFile(file, 'x');
    for (const file of [...parts, ...others]) await utimes(file, 0, 0);
    await client.download('a', inDir('x'));
    expect((await readdir(dir)).sort()).toEqual(
      [...others, recent, inDir('x')].map((file) => path.basename(file)).sort(),
    );
  });
});

describe('a target that is no file', () => {
  /** Listens as long as the test runs. */
  async function makeSocket(file: string): Promise<void> {
    const listener = createServer().listen(file);
    await once(listener, 'listening');
    resources.use({ [Symbol.asyncDispose]: async () => void listener.close() });
  }

  it('is refused at once with its name, whether it may be replaced or not, and stays as it is', async () => {
    execFileSync('mkfifo', [inDir('pipe')]);
    await makeSocket(inDir('socket'));
    await mkdir(inDir('folder'));
    for (const name of ['pipe', 'socket', 'folder']) await symlink(inDir(name), inDir(`to-${name}`));
    const before = (await readdir(dir)).sort();
    const names = [...before, 'folder/', 'missing/', 'folder/.'];
    for (const target of [...names.map((name) => `${dir}/${name}`), '/dev/null']) {
      for (const overwrite of [false, true]) {
        const failure: unknown = await client.download('a', target, { overwrite }).catch((error: unknown) => error);
        expect(failure).toMatchObject({ reason: 'TARGET_NOT_A_FILE', message: expect.stringContaining(target) });
      }
    }
    expect((await readdir(dir)).sort()).toEqual(before);
  });

  it('is not looked for on the network: an unreachable service changes nothing', async () => {
    const nowhere = resources.use(createLeatClient({ address: '127.0.0.1:1' }));
    expect(await outcomeOf(nowhere.download('a', dir))).toBe('TARGET_NOT_A_FILE');
  });

  it('names the folder that is missing, is no folder, or cannot be written', async () => {
    await writeFile(inDir('file'), 'x');
    const messages: Record<string, string> = {
      'missing/x': `cannot write ${inDir('missing/x')}: there is no directory ${inDir('missing')}; create it`,
      'file/x': `cannot write ${inDir('file/x')}: ${inDir('file')} is not a directory`,
    };
    for (const [name, message] of Object.entries(messages)) {
      await expect(client.download('a', inDir(name))).rejects.toMatchObject({ reason: 'TARGET_FAILED', message });
    }
    await expect(client.download('a', '/proc/x')).rejects.toMatchObject({ reason: 'TARGET_FAILED' });
  });

  it('may be a link to nothing only if it may be replaced', async () => {
    await symlink(inDir('nothing'), inDir('x'));
    expect(await outcomeOf(client.download('a', inDir('x')))).toBe('TARGET_EXISTS');
    expect(await outcomeOf(client.download('a', inDir('x'), { overwrite: true }))).toBe('done');
    expect(existsSync(inDir('nothing'))).toBe(false);
    expect(readFileSync(inDir('x')).equals(a)).toBe(true);
  });
});

describe('a file system without hard links', () => {
  it('gets the file all the same, and nothing that exists is replaced', async () => {
    await writeFile(inDir('part'), 'bytes');
    await reserveAndRename(inDir('part'), inDir('x'));
    expect(readFileSync(inDir('x'), 'utf8')).toBe('bytes');
    await writeFile(inDir('part'), 'other');
    await expect(reserveAndRename(inDir('part'), inDir('x'))).rejects.toMatchObject({ code: 'EEXIST' });
    expect(readFileSync(inDir('x'), 'utf8')).toBe('bytes');
    await expect(reserveAndRename(inDir('gone'), inDir('y'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(existsSync(inDir('y'))).toBe(false);
  });
});

const noTmpfs = await whyNoMount(() => mountTmpfs(MIB));
if (noTmpfs !== undefined) console.warn(`skipped: ${noTmpfs}`);
const onTmpfs = noTmpfs === undefined ? describe : describe.skip;

onTmpfs('a small disk', () => {
  it('that has no room for a copy of a part takes the blob from its beginning', async () => {
    const mount = resources.use(await mountTmpfs(4 * MIB));
    const file = path.join(mount.path, 'x');
    await writeFile(createPartNames(file, sha256Of(a)).fresh(), a.subarray(0, 2.5 * MIB));
    expect(await client.download('a', file)).toMatchObject({ received: a.length, verified: true });
    expect(readFileSync(file).equals(a)).toBe(true);
    expect(await partsOf(file)).toEqual([]);
  });

  it('that is full is reported with the name of the target, and what came is kept', async () => {
    const mount = resources.use(await mountTmpfs(2 * MIB));
    const file = path.join(mount.path, 'x');
    await expect(client.download('a', file)).rejects.toMatchObject({
      reason: 'TARGET_FAILED',
      message: `cannot write ${file}: no space left on this disk; free some and download again`,
    });
    expect((await partsOf(file)).length).toBe(1);
  });
});
