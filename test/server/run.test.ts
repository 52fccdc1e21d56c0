import { EventEmitter, once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { createChannel, createClient } from 'nice-grpc';
import { pino } from 'pino';
import { EventServiceDefinition } from '../../gen/leat/v1/event_service.js';
import { loadConfig } from '../../src/config.js';
import { ExitCode, serve } from '../../src/server/run.js';
import { connectRaw } from '../support/raw-http2.js';
import { makeTempDir } from '../support/temp-dir.js';

/** Runs `serve` in this process on a fresh directory. */
async function start(flags: Readonly<Record<string, unknown>> = {}) {
  const dir = await makeTempDir();
  const output = new PassThrough();
  const lines: Record<string, unknown>[] = [];
  const serving = new Promise<{ grpcPort: number }>((resolve) => {
    output.on('data', (line: Buffer) => {
      const fields = JSON.parse(line.toString()) as Record<string, unknown>;
      lines.push(fields);
      if (fields.msg === 'serving') resolve(fields as unknown as { grpcPort: number });
    });
  });
  const signals = new EventEmitter();
  const config = loadConfig({
    flags: { listen: '127.0.0.1:0', 'http-listen': '127.0.0.1:0', 'data-dir': dir.path, ...flags },
  });
  const exit = serve(config, { signals, log: pino({}, output) });
  return { dataDir: dir.path, signals, lines, serving, exit, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

async function tail(port: number) {
  const channel = createChannel(`127.0.0.1:${port}`);
  const client = createClient(EventServiceDefinition, channel);
  const pages = client.listEvents({ topic: 'a', follow: true })[Symbol.asyncIterator]();
  await pages.next();
  return { next: () => pages.next(), close: () => channel.close() };
}

describe('serve', () => {
  it('drains at the first signal, and leaves the signals to others', async () => {
    await using running = await start();
    const { grpcPort } = await running.serving;
    const reader = await tail(grpcPort);
    running.signals.emit('SIGTERM');
    await expect(reader.next()).rejects.toMatchObject({ code: 14 });
    reader.close();
    await expect(running.exit).resolves.toBe(ExitCode.STOPPED);
    expect(running.signals.eventNames()).toEqual([]);
    await using again = await start({ 'data-dir': running.dataDir });
    await again.serving;
    again.signals.emit('SIGINT');
    await expect(again.exit).resolves.toBe(ExitCode.STOPPED);
  });

  it('cuts what is left at the second signal', async () => {
    await using running = await start({ 'drain-timeout': '1h' });
    const { grpcPort } = await running.serving;
    // Half a request keeps its connection for as long as the drain may take.
    await using connection = await connectRaw(grpcPort);
    const { ended } = connection.call('/leat.v1.EventService/PublishEvent');
    await new Promise((resolve) => connection.session.ping(resolve));
    running.signals.emit('SIGTERM');
    running.signals.emit('SIGINT');
    await expect(running.exit).resolves.toBe(ExitCode.FORCED);
    await ended;
  });

  it('says why it cannot start, and leaves nothing behind', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    await using failing = await start({ 'http-listen': `127.0.0.1:${port}` });
    await expect(failing.exit).resolves.toBe(ExitCode.FAILED);
    expect(failing.lines.at(-1)?.msg).toContain('EADDRINUSE');
    taken.close();
    await using again = await start({ 'data-dir': failing.dataDir });
    await again.serving;
    await using second = await start({ 'data-dir': failing.dataDir });
    await expect(second.exit).resolves.toBe(ExitCode.FAILED);
    expect(second.lines.at(-1)).toMatchObject({ level: 60 });
    again.signals.emit('SIGTERM');
    await again.exit;
  });
});
