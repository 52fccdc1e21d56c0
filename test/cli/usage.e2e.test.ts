import { describe, expect, it } from '@jest/globals';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runLeat, startLeat } from './leat-process.js';

const nowhere = ['--address', '127.0.0.1:1'];

describe('leat serve', () => {
  it('drains at the first signal and leaves the second to the service', async () => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'leat-serve-test-'));
    const serve = startLeat([
      'serve',
      '--data-dir',
      dataDir,
      '--listen',
      '127.0.0.1:0',
      '--http-listen',
      '127.0.0.1:0',
    ]);
    await serve.until('stdout', /"serving"/);
    serve.child.kill('SIGTERM');
    serve.child.kill('SIGINT');
    const { code, stderr } = await serve.ended;
    expect({ drained: [0, 3].includes(code ?? -1), stderr }).toEqual({ drained: true, stderr: '' });
    await rm(dataDir, { recursive: true });
  });
});

describe('the command line', () => {
  it.each([[[]], [['user']]])('%j prints help and is wrong usage', async (args) => {
    expect(await runLeat(args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^Usage: leat/) });
  });

  it.each([
    [['nonsense'], /unknown command 'nonsense'/],
    [['tail'], /missing required argument 'topic'/],
    [['tail', 'a', 'b'], /too many arguments/],
    [['tail', 'a', '--folow'], /unknown option '--folow' \(Did you mean --follow\?\)/],
    [['tail', 'a', '--from', '0'], /Offsets begin at 1/],
    [
      ['tail', 'a', '--from', 'yesterday'],
      /--from .*'yesterday'.*an offset such as 42, a time such as .*"first", "now"/,
    ],
    [
      ['chat', 'a', '--from', 'yesterday'],
      /--from .*'yesterday'.*an offset such as 42, a time such as .*"first", "now"/,
    ],
    [['tail', 'a', '--from', '1', '--last', '2'], /cannot be used with/],
    [['tail', 'a', '--limit', 'many'], /Give a whole number/],
    [['tail', 'a', '--attribute', 'x'], /Give KEY=VALUE/],
    [['tail', 'a', '--address', 'nowhere'], /^error: --address nowhere: the port is missing; give nowhere:PORT/],
    [['tail', 'a', '--address', 'http://x:1'], /^error: --address http:\/\/x:1: give x:1 without a scheme\n$/],
    [['tail', 'a', '--address', '::1:50051'], /^error: --address ::1:50051: .* brackets: \[::1\]:50051\n$/],
    [['user', 'list', '--address', 'a,b'], /^error: --address a,b: give one HOST:PORT, not a list\n$/],
    [['topics', '--address', 'x:99999'], /^error: --address x:99999: port 99999 is not a number from 1 to 65535\n$/],
    [['rooms', '--address', ''], /^error: .*--address.* It is empty: give a value/],
    [['chat', 'a', '--address', 'u:secret@x:1'], /^error: --address \*\*\*@x:1: give HOST:PORT without a user name/],
    [['serve', '--listen', '127.0.0.1:99999'], /^error: --listen: .*: port 99999 is not a number from 0 to 65535\n$/],
    [['serve', '--http-listen', 'http://x:1'], /^error: --http-listen: .*: give x:1 without a scheme\n$/],
    [['tail', 'a', '--user', 'ä'], /Give printable ASCII/],
    [['upload'], /missing required argument 'file'/],
    [['upload', 'a', 'b', '--id', 'x'], /--id and --name are for one file/],
    [['upload', '/nowhere/file'], /cannot read \/nowhere\/file: ENOENT/],
    [['upload', '/'], /is a directory/],
    [['download', 'x', '-o', '-', '--json'], /both write to the standard output/],
    [['user', 'get'], /give either an id or --email/],
    [['user', 'update', 'ada'], /nothing to change/],
    [['serve', '--listen', 'here', '--drain-timeout', 'soon'], /--listen: .*\n {2}--drain-timeout: /],
    [['serve', '--listen', '0.0.0.0:0', '--http-listen', '127.0.0.1:0'], /--insecure/],
  ])('%j is wrong usage, said in a line', async (args, message) => {
    const { code, stdout, stderr } = await runLeat(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^error: .*\n( {2}.*\n)*$/);
  });

  it('names LEAT_ADDRESS where the mistake is there, unless the command calls no server', async () => {
    const env = { LEAT_ADDRESS: 'https://x:1' };
    expect(await runLeat(['topics'], { env })).toEqual({
      code: 2,
      stdout: '',
      stderr: 'error: LEAT_ADDRESS https://x:1: give x:1 without a scheme\n',
    });
    expect(await runLeat(['completion', 'bash'], { env })).toMatchObject({ code: 0, stderr: '' });
    expect(await runLeat(['complete', 'tail', ''], { env })).toMatchObject({ code: 0, stderr: '' });
  });

  it.each([
    [['tail', 'x', ...nowhere]],
    [['tail', 'x', '--follow', ...nowhere]],
    [['publish', 'x', ...nowhere]],
    [['topics', ...nowhere]],
    [['upload', '-', ...nowhere]],
    [['download', 'x', ...nowhere]],
    [['blobs', ...nowhere]],
    [['uploads', ...nowhere]],
    [['user', 'list', ...nowhere]],
  ])('%j says in a line that there is no server, and what to do', async (args) => {
    const { code, stdout, stderr } = await runLeat(args, { input: 'a\n' });
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(
      /^error: cannot reach 127\.0\.0\.1:1: connect ECONNREFUSED .*\(UNAVAILABLE\); start a server .*\n/,
    );
  });

  it('takes the address and the user from the environment', async () => {
    const env = { LEAT_ADDRESS: '127.0.0.1:2' };
    expect(await runLeat(['topics'], { env })).toMatchObject({
      stderr: expect.stringContaining('cannot reach 127.0.0.1:2'),
    });
    expect(await runLeat(['topics', ...nowhere], { env })).toMatchObject({
      stderr: expect.stringContaining('127.0.0.1:1'),
    });
  });

  it.each([
    [['--help'], /Exit codes:/],
    [['help', 'tail'], /--follow/],
    [['serve', '--help'], /--data-dir <path>.*env: LEAT_DATA_DIR/],
    [['publish', '--help'], /Examples:/],
    [['tail', '--help'], /Examples:/],
    [['topics', '--help'], /Examples:/],
    [['upload', '--help'], /Examples:/],
    [['download', '--help'], /Examples:/],
    [['blobs', '--help'], /leat tail sys\/blobs/],
    [['blobs', 'list', '--help'], /Examples:/],
    [['blobs', 'show', '--help'], /Example:/],
    [['blobs', 'delete', '--help'], /Example:/],
    [['uploads', '--help'], /cancel/],
    [['uploads', 'list', '--help'], /Examples:/],
    [['uploads', 'cancel', '--help'], /Example:/],
    [['completion', '--help'], /Examples:/],
    [['cursor', '--help'], /list/],
    [['cursor', 'list', '--help'], /Examples:/],
    [['cursor', 'get', '--help'], /Example:/],
    [['cursor', 'set', '--help'], /Examples:/],
    [['user', '--help'], /create/],
    [['user', 'create', '--help'], /Example:/],
    [['user', 'get', '--help'], /Examples:/],
    [['user', 'update', '--help'], /Example:/],
    [['user', 'delete', '--help'], /Example:/],
    [['user', 'list', '--help'], /Examples:/],
    [['--version'], /^\d+\.\d+\.\d+\n$/],
  ])('%j explains itself', async (args, text) => {
    expect(await runLeat(args)).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(text) });
  });

  it('needs nothing of the server for anything but serve', async () => {
    const root = path.resolve(import.meta.dirname, '../../..');
    const alone = await mkdtemp(path.join(tmpdir(), 'leat-client-only-'));
    try {
      const parts = [
        'src/cli',
        'src/client',
        'src/flow',
        'src/config.js',
        'src/host-port.js',
        'gen',
        '../package.json',
      ];
      for (const part of parts) {
        await cp(path.join(root, 'dist', part), path.join(alone, 'dist', part), { recursive: true });
      }
      await mkdir(path.join(alone, 'node_modules'));
      const packages = [
        '@bufbuild',
        '@grpc',
        'abort-controller-x',
        'commander',
        'nice-grpc',
        'nice-grpc-error-details',
      ];
      for (const name of packages)
        await symlink(path.join(root, 'node_modules', name), path.join(alone, 'node_modules', name));
      const program = path.join(alone, 'dist/src/cli/main.js');
      expect(await runLeat(['tail', 'x', ...nowhere], { program })).toMatchObject({ code: 3 });
      expect(await runLeat(['serve', '--help'], { program })).toMatchObject({ code: 0 });
      expect(await runLeat(['serve'], { program })).toMatchObject({ code: 1 });
    } finally {
      await rm(alone, { recursive: true });
    }
  });
});
