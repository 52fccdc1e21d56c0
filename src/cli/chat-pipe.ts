import type { JoinedRoom, Rooms } from '../client/index.js';
import { describeSent, sendLines, type SentLines } from './chat-lines.js';
import { CliError, exitCodes } from './cli-error.js';
import { formatCloudEvent } from './cloud-event.js';
import { formatMessage } from './format-message.js';
import type { Session } from './session.js';

export interface PipeOptions {
  readonly address: string;
  readonly follow?: boolean;
  readonly json?: boolean;
}

/** A room as a pipe: lines in are messages to it, and messages from it are lines out. */
export async function chatThroughPipe(
  session: Session,
  rooms: Rooms,
  room: JoinedRoom,
  { address, follow = false, json = false }: PipeOptions,
): Promise<void> {
  const { signal, terminal } = session;
  const hasInput = terminal.stdin.isTTY !== true;
  const isJson = json || terminal.stdout.isTTY !== true;
  const printer = json || follow || !hasInput ? printMessages(session, room, isJson) : undefined;
  if (printer !== undefined) session.endWithReader();
  const leave = () => void rooms.close();
  signal.addEventListener('abort', leave);
  if (signal.aborted) leave();
  try {
    if (!hasInput) return await printer?.ended;
    // Whatever ends the room ends the sending too.
    const failed = [failureOf(room.ended), failureOf(printer?.ended)];
    const sent = await Promise.race([sendLines(session, rooms, room, address), ...failed]);
    if (follow) await printer?.ended;
    else await finish(session, room, printer, sent);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** The input has ended, and what was sent is durable. */
async function finish(
  session: Session,
  room: JoinedRoom,
  printer: Printer | undefined,
  sent: SentLines,
): Promise<void> {
  if (session.signal.aborted && !session.outputClosed()) {
    throw new CliError('interrupted', exitCodes.interrupted, [describeSent(room.name, sent)]);
  }
  if (printer === undefined) await session.output.write(`${describeSent(room.name, sent)}\n`);
  else if (!session.signal.aborted) await Promise.race([printer.printed(sent.lastOffset), printer.ended]);
}

interface Printer {
  /** Resolves when the room has ended, and rejects with what ended it. */
  readonly ended: Promise<void>;
  /** Resolves when everything up to the offset is printed. */
  printed(offset: bigint): Promise<void>;
}

function printMessages({ output, paint }: Session, room: JoinedRoom, isJson: boolean): Printer {
  let offset = 0n;
  let wake = () => undefined as void;

  async function run(): Promise<void> {
    for await (const message of room.messages) {
      const line = isJson ? formatCloudEvent(`rooms/${room.name}`, message) : formatMessage(message, paint);
      await output.write(`${line}\n`);
      ({ offset } = message);
      wake();
    }
    await room.ended;
  }

  const ended = run();
  ended.catch(() => undefined); // Told by whoever waits for it.
  return {
    ended,
    async printed(wanted) {
      while (offset < wanted) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

/** Never resolves. */
async function failureOf(promise: Promise<unknown> | undefined): Promise<never> {
  await promise;
  return new Promise(() => undefined);
}
