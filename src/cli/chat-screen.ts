import type { JoinedRoom, Member, RoomMessage, Rooms } from '../client/index.js';
import { createBottomRows, type BottomContent } from './bottom-rows.js';
import { chatHelp, createChatInput, type ChatWish } from './chat-input.js';
import { formatPending, formatStatus, listUsers } from './chat-status.js';
import { CliError, exitCodes } from './cli-error.js';
import { escapeText } from './escape-text.js';
import { formatMessage, nameOf } from './format-message.js';
import { listenToKeys } from './keyboard.js';
import { textOfLine, viewLine, type Key } from './line-editor.js';
import type { Session } from './session.js';
import { createTypingSignal } from './typing-signal.js';

const PROMPT = '> ';

/**
 * A room on a terminal: what is said scrolls by above a line that is being typed. Resolves when the user has left, and
 * rejects with what ended the room otherwise, or if something that was said did not become durable.
 */
export async function chatOnScreen(session: Session, rooms: Rooms, room: JoinedRoom, user: string): Promise<void> {
  const { output, paint, signal, terminal } = session;
  const input = createChatInput();
  const tellTyping = createTypingSignal(room);
  const bottom = createBottomRows(terminal.stdout, content);
  const quit = createQuit();
  let members: readonly Member[] | undefined;
  let lastOffset = 0n;
  const saying = new Set<Promise<void>>();
  let unsaid = 0;

  function content(columns: number): BottomContent {
    const { text, cursor } = viewLine(input.line, columns - 1 - PROMPT.length);
    const view = room.snapshot();
    const rows = [
      ...formatPending(view),
      formatStatus(room.name, view, { user, lastOffset, isLeaving: quit.isAsked }),
      PROMPT + text,
    ];
    return { rows, cursor: PROMPT.length + cursor };
  }

  /** A terminal that is slower than what happens is left out until it takes something again. */
  function redraw(): void {
    if (!terminal.stdout.writableNeedDrain) terminal.stdout.write(bottom.draw());
  }

  function onResize(): void {
    terminal.stdout.write(bottom.clear());
    redraw();
  }

  function tell(line: string): void {
    terminal.stdout.write(bottom.printAbove(line));
  }

  async function printMessages(): Promise<void> {
    for await (const message of room.messages) await print(message);
    await room.ended;
  }

  async function print(message: RoomMessage): Promise<void> {
    const isOwn = user !== '' && message.author === user;
    if (isOwn) lastOffset = message.offset;
    await output.write(bottom.printAbove(`${formatMessage(message, paint)}${isOwn ? ' ✓' : ''}`));
    // Nobody keeps what an anonymous reader has read.
    if (user !== '') room.markRead(message.offset);
  }

  function onChange(): void {
    const view = room.snapshot();
    if (view.status !== 'joining' && view.members !== members) {
      for (const line of members === undefined ? [] : changes(members, view.members)) tell(`— ${line}`);
      members = view.members;
    }
    redraw();
  }

  function carryOut(wish: ChatWish): void {
    tellTyping(false);
    switch (wish.kind) {
      case 'say':
        return say(wish.text);
      case 'who':
        return tell(`— here: ${listUsers(room.snapshot().members, Infinity)}`);
      case 'help':
        return tell(`— ${chatHelp}`);
      case 'quit':
        return quit.now();
    }
  }

  function say(text: string): void {
    const sending = room
      .send(text)
      .then(
        () => undefined,
        (error: unknown) => {
          unsaid++;
          if (!quit.isAsked) tell(`! not sent: ${escapeText(error instanceof Error ? error.message : String(error))}`);
        },
      )
      .finally(() => saying.delete(sending));
    saying.add(sending);
  }

  function onKey(key: Key): void {
    const wish = input.press(key);
    if (wish !== undefined) carryOut(wish);
    else tellTyping(textOfLine(input.line) !== '');
    redraw();
  }

  const stopKeys = listenToKeys(terminal.stdin, onKey);
  const stopWatching = room.subscribe(onChange);
  signal.addEventListener('abort', quit.now);
  terminal.stdout.on('resize', onResize);
  try {
    redraw();
    await Promise.race([printMessages(), quit.asked]);
    // From here on Ctrl-C is a signal again, for those who do not want to wait.
    stopKeys();
    unsaid = 0;
    await rooms.close();
    await Promise.all(saying);
  } finally {
    stopWatching();
    stopKeys();
    signal.removeEventListener('abort', quit.now);
    terminal.stdout.off('resize', onResize);
    terminal.stdout.write(bottom.clear());
  }
  if (unsaid > 0) throw leftEarly(unsaid);
}

function leftEarly(unsaid: number): CliError {
  const what = unsaid === 1 ? 'the last message was' : `the last ${unsaid} messages were`;
  return new CliError(`left before ${what} durable`, exitCodes.unreachable);
}

function changes(before: readonly Member[], now: readonly Member[]): string[] {
  const came = now.filter(({ memberId }) => !before.some((member) => member.memberId === memberId));
  const gone = before.filter(({ memberId }) => !now.some((member) => member.memberId === memberId));
  return [...came.map(({ user }) => `${nameOf(user)} is here`), ...gone.map(({ user }) => `${nameOf(user)} has left`)];
}

function createQuit() {
  let isAsked = false;
  let resolve = () => undefined as void;
  const asked = new Promise<void>((onAsked) => (resolve = onAsked));
  return {
    asked,
    get isAsked() {
      return isAsked;
    },
    now: () => {
      isAsked = true;
      resolve();
    },
  };
}
