import { createLeatClient, type JoinedRoom, type LeatClient, type Rooms } from '../../src/client/index.js';
import { startCuttingProxy } from './cutting-proxy.js';
import { editTogether } from './edit-together.js';
import { textOf } from './filter-lines.js';
import { count, since, type Report } from './report.js';

const ROOM = 'tea-room';
const LINES_EACH = 50;

/** Somebody in the room, with what they have heard. */
export interface Person {
  readonly client: LeatClient;
  readonly rooms: Rooms;
  readonly room: JoinedRoom;
  readonly heard: string[];
}

/** Two people talk, and then edit a document; the wire of one of them is cut while they do. */
export async function talkInRooms(address: string, report: Report, signal: AbortSignal): Promise<void> {
  report.chapter('chat', 'two people talk in a room, and edit a document; the wire of one of them is cut twice');
  let cuts = 0;
  const proxy = await startCuttingProxy(address, {
    direction: 'to-reader',
    at: [2_000, 7_000],
    onCut(bytes) {
      cuts += 1;
      report.line(`✂ linus is cut off after ${count(bytes)} bytes`);
    },
  });
  const ada = createLeatClient({ address, user: 'ada' });
  const linus = createLeatClient({ address: proxy.address, user: 'linus' });
  try {
    const people = await Promise.all([enter(ada, signal), enter(linus, signal)]);
    await talk(people, report);
    report.check(cuts === 2, 'linus was cut off twice, and came back without anybody doing anything');
    await compareWithLog(people[0], report, signal);
    await editTogether(people, report, signal);
  } finally {
    await Promise.all([ada.close(), linus.close()]);
    await proxy.close();
  }
}

async function enter(client: LeatClient, signal: AbortSignal): Promise<Person> {
  const rooms = client.joinRooms({ signal });
  const room = rooms.join(ROOM, { start: 'first' });
  await room.joined;
  return { client, rooms, room, heard: [] };
}

async function talk(people: readonly Person[], report: Report): Promise<void> {
  const start = performance.now();
  await Promise.all(people.flatMap((person) => [say(person.room), listen(person)]));
  const transcripts = people.map(({ heard }) => heard.join('\n'));
  const heard = people[0]?.heard ?? [];
  report.line(`${count(heard.length)} messages in ${since(start)}, the last: ${heard.at(-1)}`);
  report.check(
    heard.length === 2 * LINES_EACH && new Set(heard).size === heard.length,
    'everything that was said was heard once',
  );
  report.check(new Set(transcripts).size === 1, 'both have the same transcript, in the same order');
}

async function say(room: JoinedRoom): Promise<void> {
  for (let line = 1; line <= LINES_EACH; line++) await room.send(`cup number ${line}`);
}

async function listen({ room, heard }: Person): Promise<void> {
  for await (const { author, event } of room.messages) {
    if (heard.push(`${author}: ${textOf(event)}`) === 2 * LINES_EACH) return;
  }
}

async function compareWithLog({ client, heard }: Person, report: Report, signal: AbortSignal): Promise<void> {
  const log: string[] = [];
  for await (const { author, event } of client.follow(`rooms/${ROOM}`, { live: false, signal })) {
    log.push(`${author}: ${textOf(event)}`);
  }
  report.check(log.join('\n') === heard.join('\n'), 'and it is what is on the log: nothing was stored twice');
}
