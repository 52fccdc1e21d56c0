import type { Command } from 'commander';
import { Member, ReadMark, Room, type ChatServiceClient } from '../../gen/leat/v1/chat_service.js';
import { escapeJson } from './escape-text.js';
import { nameOf } from './format-message.js';
import { formatTable, tableStyle, type TableOptions } from './format-table.js';
import { formatAge, formatTime } from './format-time.js';
import type { GlobalOptions, Session } from './session.js';

interface RoomsOptions extends GlobalOptions {
  readonly json?: boolean;
  readonly prefix?: string;
}

export function addRoomsCommand(program: Command, session: Session): void {
  program
    .command('rooms')
    .summary('list the rooms, or tell of one')
    .description(
      'Lists the rooms that have or had messages, in the order of their names; or tells who is in ROOM now, and how far\n' +
        'each has read.',
    )
    .argument('[room]', 'tell of this one')
    .option('--prefix <prefix>', 'only rooms whose names begin so')
    .option('--json', 'print one JSON object a line')
    .addHelpText(
      'after',
      '\nExamples:\n  $ leat rooms\n  $ leat rooms lobby\n  $ leat rooms --prefix teams/ --json | jq -r .room',
    )
    .action((room: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RoomsOptions>();
      return room === undefined ? listRooms(session, options) : showRoom(session, room, options);
    });
}

async function listRooms(session: Session, options: RoomsOptions): Promise<void> {
  let first = true;
  for await (const rooms of pages(session.client(options).chat, options.prefix, session.signal)) {
    const text = options.json ? rooms.map(formatJson).join('') : formatPage(rooms, tableStyle(session, first));
    await session.output.write(text, session.signal);
    if (rooms.length > 0) first = false;
  }
  if (first && options.prefix !== undefined) session.notice(`no room has a name that begins with "${options.prefix}"`);
}

async function* pages(chat: ChatServiceClient, prefix: string | undefined, signal: AbortSignal) {
  let pageToken = '';
  do {
    const page = await chat.listRooms({ prefix, pageToken }, { signal });
    pageToken = page.nextPageToken;
    yield page.rooms;
  } while (pageToken !== '');
}

function formatPage(rooms: readonly Room[], style: TableOptions): string {
  const now = Date.now();
  const rows = rooms.map(({ room, firstOffset, headOffset, memberCount, lastCommitTime }) => [
    room,
    String(headOffset - firstOffset + 1n),
    String(headOffset),
    String(memberCount),
    formatTime(lastCommitTime),
    formatAge(lastCommitTime, now),
  ]);
  return formatTable(['ROOM', 'MESSAGES', 'HEAD', 'HERE', 'LAST MESSAGE', 'AGE'], rows, style);
}

async function showRoom(session: Session, name: string, options: RoomsOptions): Promise<void> {
  const { output, signal } = session;
  const { room, members, readMarks } = await session.client(options).chat.getRoom({ room: name }, { signal });
  if (room === undefined) return;
  if (options.json) {
    const people = {
      members: members.map((member) => Member.toJSON(member)),
      readMarks: readMarks.map((mark) => ReadMark.toJSON(mark)),
    };
    return output.write(`${escapeJson(JSON.stringify({ ...fieldsOf(room), ...people }))}\n`, signal);
  }
  const readBy = new Map(readMarks.map(({ user, offset }) => [user, String(offset)]));
  const here = members.map(({ user, joinTime }) => [nameOf(user), formatTime(joinTime), readBy.get(user) ?? '-']);
  const away = readMarks.filter(({ user }) => !members.some((member) => member.user === user));
  const rows = [...here, ...away.map(({ user, offset }) => [nameOf(user), '-', String(offset)])];
  const text = formatPage([room], tableStyle(session));
  await output.write(
    rows.length === 0 ? text : `${text}\n${formatTable(['USER', 'HERE SINCE', 'READ'], rows, tableStyle(session))}`,
    signal,
  );
}

function formatJson(room: Room): string {
  return `${escapeJson(JSON.stringify(fieldsOf(room)))}\n`;
}

function fieldsOf(room: Room): object {
  return { room: '', firstOffset: '0', headOffset: '0', memberCount: 0, ...(Room.toJSON(room) as object) };
}
