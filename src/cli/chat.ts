import { Option, type Command } from 'commander';
import { Timestamp } from '../../gen/google/protobuf/timestamp.js';
import type { PlainStart } from '../client/follow/follow-request.js';
import type { RoomsStatus } from '../client/index.js';
import { chatThroughPipe } from './chat-pipe.js';
import { chatOnScreen } from './chat-screen.js';
import { createConnectionNotices } from './connection-notices.js';
import { parseCount, parseFrom } from './parse-values.js';
import type { GlobalOptions, Session } from './session.js';

interface ChatOptions extends GlobalOptions {
  readonly from?: PlainStart;
  readonly last?: bigint;
  readonly hidden?: boolean;
  readonly follow?: boolean;
  readonly json?: boolean;
}

/** What a person who comes in is shown of what was said before. */
const SHOWN_BEFORE = 20;

export function addChatCommand(program: Command, session: Session): void {
  program
    .command('chat')
    .summary('talk in a room')
    .description(
      'On a terminal: shows what is said in ROOM, who is there and who is typing, above a line to type in. … is on its\n' +
        'way, ✓ is durable, ✓✓ was read by those who are named. /help tells the commands; Ctrl-C leaves.\n' +
        'As a pipe: each line of the standard input is a message, and the command ends when all of them are durable.\n' +
        'What is said is printed with --json, with --follow (which stays), and where there is no input; as CloudEvents\n' +
        'JSON, unless it goes to a terminal. A lost connection is waited for: nothing is lost, nothing is said twice.\n' +
        'Name yourself with --user.',
    )
    .argument('<room>', 'for example "lobby" or "teams/red"')
    .addOption(
      new Option('--from <place>', 'where to begin: an offset, a time, a resume token, "first" or "now"')
        .argParser(parseStart)
        .conflicts('last'),
    )
    .option(
      '--last <n>',
      `begin with the last N messages (default: ${SHOWN_BEFORE} on a terminal, none in a pipe)`,
      parseCount,
    )
    .option('--hidden', 'take part without being shown to others')
    .option('-f, --follow', 'in a pipe: print what is said, and stay when the input has ended')
    .option('--json', 'print messages as CloudEvents JSON, one a line')
    .addHelpText('after', examples)
    .action((room: string, _options: unknown, command: Command) =>
      chat(session, room, command.optsWithGlobals<ChatOptions>()),
    );
}

const examples = `
Examples:
  $ leat chat lobby --user ada
  $ echo 'the build is green' | leat chat builds --user ci
  $ leat chat lobby --from first --json | jq -r .data
  $ ./bot | leat chat lobby --user bot --follow
  $ leat tail rooms/lobby --last 10`;

async function chat(session: Session, name: string, options: ChatOptions): Promise<void> {
  const { terminal } = session;
  const isScreen = terminal.stdin.isTTY === true && terminal.stdout.isTTY === true && !options.json;
  const onState = isScreen ? undefined : connectionWatcher(session);
  // Somebody who stays wants to see the server come back; what should end, but cannot, should fail.
  const maxAttempts = isScreen || options.follow ? Infinity : 10;
  const rooms = session.client(options).joinRooms({ maxFirstAttempts: 1, maxAttempts, onState });
  try {
    const room = rooms.join(name, { start: startOf(options, isScreen), hidden: options.hidden });
    if (isScreen) await chatOnScreen(session, rooms, room, options.user ?? '');
    else await chatThroughPipe(session, rooms, room, options);
  } finally {
    await rooms.close();
  }
}

function startOf({ from, last }: ChatOptions, isScreen: boolean): PlainStart {
  if (from !== undefined) return from;
  return { last: Number(last ?? (isScreen ? SHOWN_BEFORE : 0)) };
}

function parseStart(text: string): PlainStart {
  const { position } = parseFrom(text) ?? {};
  switch (position?.$case) {
    case undefined:
      return 'first';
    case 'afterOffset':
      return { afterOffset: position.value };
    case 'fromTime':
      return { fromTime: new Date(Timestamp.toJSON(position.value) as string) };
    case 'last':
      return 'now';
    case 'resumeToken':
      return { resumeToken: position.value };
    case 'cursor':
      return { cursor: position.value };
  }
}

/** Reports a connection that is lost, and one that is back, until the user leaves. */
function connectionWatcher(session: Session): (status: RoomsStatus) => void {
  const connection = createConnectionNotices(session.notice, 'resuming');
  return ({ state, error, attempt, retryInMs: delayMs = 0 }) => {
    if (state === 'live') connection.back();
    if (state === 'reconnecting' && error !== undefined && !session.signal.aborted) {
      connection.lost({ error, attempt, delayMs });
    }
  };
}
