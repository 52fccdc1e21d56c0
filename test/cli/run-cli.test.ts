import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { runCli } from '../../src/cli/run-cli.js';
import { startService, type TestService } from './leat-process.js';

let service: TestService;
beforeAll(async () => void (service = await startService()));
afterAll(() => service[Symbol.asyncDispose]());

/** A person at a terminal. */
function createTerminal() {
  const interactive = (stream: PassThrough) => Object.assign(stream, { isTTY: true });
  const screen = () => interactive(new PassThrough({ encoding: 'utf8' }));
  return { stdin: interactive(new PassThrough()), stdout: screen(), stderr: screen() };
}

function createInterrupt() {
  const controller = new AbortController();
  return { signal: controller.signal, release: () => undefined, abort: () => controller.abort() };
}

describe('a command', () => {
  it('closes its connection when it is done', async () => {
    const [host, port] = service.address.split(':');
    const forwarder = createServer((socket) => {
      const onward = createConnection({ host, port: Number(port) });
      // What one side still says to the other while that one leaves is no failure.
      for (const end of [socket, onward]) end.on('error', () => undefined);
      socket.pipe(onward).pipe(socket);
    });
    await once(forwarder.listen(0, '127.0.0.1'), 'listening');
    const connected = once(forwarder, 'connection') as Promise<[Socket]>;
    const address = `127.0.0.1:${(forwarder.address() as AddressInfo).port}`;
    const run = runCli(['topics', '--address', address], createTerminal(), createInterrupt());
    const [socket] = await connected;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    expect(await run).toBe(0);
    await closed;
    forwarder.close();
  });
});

describe('at a terminal', () => {
  it('publish says that it reads from there', async () => {
    const terminal = createTerminal();
    const run = runCli(['publish', 'typed', '--address', service.address], terminal, createInterrupt());
    terminal.stdin.end('hello\n');
    expect(await run).toBe(0);
    expect(terminal.stderr.read()).toBe('reading lines from the terminal; Ctrl-D ends\n');
    expect(terminal.stdout.read()).toBe('published 1 event to typed, offset 1\n');
  });

  it('a followed tail that is interrupted prints a command that resumes it', async () => {
    const interrupt = createInterrupt();
    const first = createTerminal();
    const publish = (text: string) => {
      const terminal = createTerminal();
      terminal.stdin.end(text);
      return runCli(['publish', 'log', '--address', service.address], terminal, createInterrupt());
    };
    await publish('one\n');
    const run = runCli(['tail', 'log', '--follow', '--address', service.address], first, interrupt);
    await once(first.stdout, 'readable');
    interrupt.abort();
    expect(await run).toBe(0);
    const said = /^to resume: leat tail log --follow --from (\S+) --address (\S+)\n$/.exec(String(first.stderr.read()));
    expect(said?.[2]).toBe(service.address);
    await publish('two\n');
    const second = createTerminal();
    const args = ['tail', 'log', '--from', said?.[1] ?? '', '--address', service.address];
    expect(await runCli(args, second, createInterrupt())).toBe(0);
    expect(String(second.stdout.read()).match(/\w+$/gm)).toEqual(['two']);
  });
});
