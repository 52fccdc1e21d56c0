import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { numberedLines, runLeat, startLeat, startService, type TestService } from './leat-process.js';
import { noTerminal, runInTerminal } from './pseudo-terminal.js';

let service: TestService;
let names = 0;
beforeAll(async () => void (service = await startService()));
afterAll(() => service[Symbol.asyncDispose]());

const at = (...args: string[]) => [...args, '--address', service.address];
const freshRoom = () => `room-${++names}`;
const escape = '\u001b';

if (noTerminal !== undefined) console.warn(`skipped: ${noTerminal}`);
const onTerminal = noTerminal === undefined ? describe : describe.skip;

describe('leat chat as a pipe', () => {
  it('sends each line, ends when all are durable, and says where they are', async () => {
    const room = freshRoom();
    const input = numberedLines(1_000);
    expect(await runLeat(at('chat', room, '--user', 'ann'), { input })).toEqual({
      code: 0,
      stdout: `sent 1000 messages to ${room}, offsets 1 to 1000\n`,
      stderr: '',
    });
    const { stdout } = await runLeat(at('tail', `rooms/${room}`, '--json'));
    const data = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { data: string }).data);
    expect(data.map((line) => `${line}\n`).join('')).toBe(input);
  });

  it('sends what is said in a file from an editor, without its byte order mark and carriage returns', async () => {
    const room = freshRoom();
    expect((await runLeat(at('chat', room, '--user', 'ann'), { input: '\ufeffone\r\ntwo\r\n' })).code).toBe(0);
    const { stdout } = await runLeat(at('tail', `rooms/${room}`, '--json'));
    expect([...stdout.matchAll(/"data":("[^"]*")/g)].map(([, data]) => JSON.parse(data ?? '') as string)).toEqual([
      'one',
      'two',
    ]);
  });

  it('prints what is said as CloudEvents, from where it is told, up to what it has said itself', async () => {
    const room = freshRoom();
    await runLeat(at('chat', room, '--user', 'ann'), { input: 'one\ntwo\n' });
    const { code, stdout } = await runLeat(at('chat', room, '--user', 'bob', '--json', '--from', '2'), {
      input: 'three\n',
    });
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(code).toBe(0);
    expect(lines).toMatchObject([
      { leattopic: `rooms/${room}`, leatoffset: '2', leatauthor: 'ann', type: 'message', data: 'two' },
      { leatoffset: '3', leatauthor: 'bob', data: 'three' },
    ]);
  });

  it('stays with --follow, through a service that is killed, and ends with Ctrl-C', async () => {
    const room = freshRoom();
    const follower = startLeat(at('chat', room, '--follow', '--user', 'bot'));
    follower.child.stdin.write('ready\n');
    await follower.until('stdout', /"data":"ready"/);
    await service.crashAndRestart();
    await follower.until('stderr', /connection lost .*; resuming in [^]*connected again\n/);
    expect((await runLeat(at('chat', room), { input: 'are you there?\n' })).code).toBe(0);
    await follower.until('stdout', /"data":"are you there\?"/);
    follower.child.stdin.end('yes\n');
    await follower.until('stdout', /"data":"yes"/);
    follower.child.kill('SIGINT');
    const { code, stderr } = await follower.ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/connected again\n$/);
  });

  it('says what is wrong, with the exit code of every command', async () => {
    const refused = await runLeat(at('chat', 'Not A Room'), { input: 'x\n' });
    expect(refused).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^error: .*INVALID_FIELD\)\n$/),
    });
    const away = await runLeat(['chat', 'lobby', '--address', '127.0.0.1:1'], { input: 'x\n' });
    expect(away).toMatchObject({ code: 3, stderr: expect.stringMatching(/^error: cannot reach/) });
    const large = await runLeat(at('chat', freshRoom()), { input: `small\n${'x'.repeat(300_000)}\n` });
    expect(large).toMatchObject({ code: 2, stderr: expect.stringMatching(/^error: line 2: .*MESSAGE_TOO_LARGE/) });
    expect((await runLeat(at('chat', 'lobby', '--from', '1', '--last', '2'))).code).toBe(2);
  });
});

describe('leat rooms', () => {
  it('lists them, and tells who is in one and how far each has read', async () => {
    const room = freshRoom();
    await runLeat(at('chat', room, '--user', 'ann'), { input: 'hello\n' });
    const bob = startLeat(at('chat', room, '--user', 'bob', '--follow', '--json', '--last', '1'));
    await bob.until('stdout', /hello/);
    const { stdout } = await runLeat(at('rooms', room));
    expect(stdout).toMatch(new RegExp(`^ROOM .*\n${room} +1 +1 +1 .*\n\nUSER +HERE SINCE +READ\nbob +\\d.*Z +-\n$`));
    const listed = await runLeat(at('rooms', '--prefix', room, '--json'));
    expect(JSON.parse(listed.stdout)).toMatchObject({ room, headOffset: '1', memberCount: 1 });
    bob.child.kill('SIGINT');
    await bob.ended;
    const missing = await runLeat(at('rooms', 'nobody/here'));
    expect(missing).toMatchObject({ code: 4, stderr: expect.stringContaining('ROOM_NOT_FOUND') });
  });
});

onTerminal('leat chat on a terminal', () => {
  const enter = '\r';

  it('shows history, presence, typing and delivery, and keeps the line that is being typed', async () => {
    const room = freshRoom();
    await runLeat(at('chat', room, '--user', 'old'), { input: 'from before\n' });
    const ann = runInTerminal(at('chat', room, '--user', 'ann'));
    await ann.until(/\d\d:\d\d .*old.* {2}from before/);
    const bob = runInTerminal(at('chat', room, '--user', 'bob'));
    await ann.until(/— bob is here/);
    await ann.until(/2 here: ann, bob/);
    bob.type('half a li');
    await ann.until(/bob is typing/);
    ann.type(`hello 你好${enter}`);
    await ann.until(/hello 你好 ✓\r+\n/);
    // The line is drawn again below what came, as it was.
    await bob.until(/hello 你好\r+\n[^>]*> half a li\r/);
    await ann.until(/✓✓ bob/);
    bob.type(`ne${enter}`);
    await ann.until(/half a line/);
    ann.type(`/who${enter}`);
    await ann.until(/— here: ann, bob/);
    ann.type(`/help${enter}`);
    await ann.until(/— \/who {2}who is here/);
    bob.type('\u0003');
    expect((await bob.ended).code).toBe(0);
    await ann.until(/— bob has left/);
    ann.type(`/quit${enter}`);
    const { code, screen } = await ann.ended;
    expect(code).toBe(0);
    // The connection is closed, not lost.
    expect(screen).not.toContain('connection lost');
    expect((await bob.ended).screen).not.toContain('connection lost');
    // Nothing of the rows at the bottom stays.
    expect(screen.endsWith(`\r${escape}[1A${escape}[J`)).toBe(true);
  });

  it('says what it could not say, and brings what was said while the service was away', async () => {
    const room = freshRoom();
    const ann = runInTerminal(at('chat', room, '--user', 'ann'));
    await ann.until(/1 here: ann/);
    await service.crash();
    await ann.until(/connection lost/);
    ann.type(`are you there?${enter}`);
    await ann.until(/… are you there\?/);
    await service.restart();
    await ann.until(/are you there\? ✓\r+\n/);
    ann.type(`${'x'.repeat(3)}\u0015\u0004`);
    expect((await ann.ended).code).toBe(0);

    const bob = runInTerminal(at('chat', room, '--user', 'bob'));
    await bob.until(/are you there\?/);
    await service.crash();
    await bob.until(/connection lost/);
    bob.type(`too late${enter}`);
    await bob.until(/… too late/);
    bob.type('\u0003');
    const { code, screen } = await bob.ended;
    await service.restart();
    expect(code).toBe(3);
    expect(screen).toMatch(/error:.* left before the last message was durable\r+\n$/);
  });

  it('says why it cannot begin', async () => {
    const { code, screen } = await runInTerminal(['chat', 'lobby', '--address', '127.0.0.1:1']).ended;
    expect(code).toBe(3);
    expect(screen).toContain('cannot reach');
  });
});
