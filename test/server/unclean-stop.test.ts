import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { spawnServer } from '../support/child-server.js';
import { makeTempDir } from '../support/temp-dir.js';

const MESSAGE = 'the previous run did not stop cleanly';

/** What a start of the server in this directory says of the run before it. Ends it with `signal`. */
async function startAndEnd(dataDir: string, signal: NodeJS.Signals, publish = false) {
  await using server = spawnServer({ 'data-dir': dataDir });
  await server.serving;
  if (publish) await (await server.connect()).events.publishEvent({ topic: 'a', event: { type: 't' } });
  await server.kill(signal);
  return server.lines.filter(({ msg }) => String(msg).startsWith(MESSAGE));
}

describe('a server that was killed', () => {
  it('says so at its next start, once, and has lost nothing', async () => {
    await using dir = await makeTempDir();
    const before = Date.now();
    expect(await startAndEnd(dir.path, 'SIGKILL', true)).toEqual([]);
    await using server = spawnServer({ 'data-dir': dir.path });
    await server.serving;
    const [line, ...more] = server.lines.filter(({ msg }) => String(msg).startsWith(MESSAGE));
    expect(more).toEqual([]);
    expect(line).toMatchObject({ level: 40, walBytes: expect.any(Number) });
    for (const time of [line?.startedAt, line?.lastWriteAt]) {
      expect(Date.parse(String(time))).toBeGreaterThanOrEqual(before - 1_000);
    }
    const { events } = await server.connect();
    await expect(events.getTopic({ topic: 'a' })).resolves.toMatchObject({ topic: { headOffset: 1n } });
    await server.kill('SIGTERM');
    expect(await startAndEnd(dir.path, 'SIGTERM')).toEqual([]);
  });

  it('says so again when it is killed again', async () => {
    await using dir = await makeTempDir();
    await startAndEnd(dir.path, 'SIGKILL');
    expect(await startAndEnd(dir.path, 'SIGKILL')).toHaveLength(1);
    expect(await startAndEnd(dir.path, 'SIGTERM')).toHaveLength(1);
    expect(await startAndEnd(dir.path, 'SIGTERM')).toEqual([]);
  });

  it('starts and stops where the mark cannot be written', async () => {
    await using dir = await makeTempDir();
    await mkdir(path.join(dir.path, 'leat.running'));
    await using server = spawnServer({ 'data-dir': dir.path });
    await server.serving;
    expect(await server.kill('SIGTERM')).toMatchObject({ code: 0 });
  });
});
