import type { JoinedRoom, MessageInput, Rooms } from '../client/index.js';
import { readCallFailure } from './call-failure.js';
import { CliError } from './cli-error.js';
import { decodeUtf8 } from './cloud-event.js';
import { describeCallError, describeViolations, exitCodeFor } from './present-error.js';
import type { Session } from './session.js';
import { splitLines } from './split-lines.js';

/** What became of the lines that were sent. */
export interface SentLines {
  readonly count: number;
  readonly firstOffset: bigint;
  readonly lastOffset: bigint;
}

const maxLineBytes = 1 << 20;

/**
 * Sends each line of the standard input as a message, and resolves when all of them are durable, or at once when the
 * session aborts. Asks for the next line only when it can be sent. Rejects when a line is refused: those before it are
 * durable.
 */
export async function sendLines(
  { terminal: { stdin }, signal }: Session,
  rooms: Rooms,
  room: JoinedRoom,
  address: string,
): Promise<SentLines> {
  const underWay = new Set<Promise<void>>();
  let sent: SentLines = { count: 0, firstOffset: 0n, lastOffset: 0n };
  let failure: Error | undefined;
  const stop = () => void stdin.destroy();

  async function send(line: Buffer, number: number): Promise<void> {
    try {
      const { offset } = await room.send(messageOf(line, number));
      const { count, firstOffset, lastOffset } = sent;
      sent = {
        count: count + 1,
        firstOffset: firstOffset === 0n || offset < firstOffset ? offset : firstOffset,
        lastOffset: offset > lastOffset ? offset : lastOffset,
      };
    } catch (error) {
      failure ??= refused(error, number, address);
      stop();
    }
  }

  signal.addEventListener('abort', stop);
  try {
    for await (const { lines, firstLine } of splitLines(stdin, maxLineBytes)) {
      for (const [index, line] of lines.entries()) {
        await rooms.ready();
        const sending = send(line, firstLine + index).finally(() => underWay.delete(sending));
        underWay.add(sending);
      }
    }
  } catch (error) {
    if (failure === undefined && !signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  await Promise.all(underWay);
  if (failure !== undefined && !signal.aborted) throw failure;
  return sent;
}

/** A byte order mark and carriage returns are the file's, not what somebody says. */
function messageOf(line: Buffer, number: number): MessageInput {
  const text = decodeUtf8(line)?.replace(/\r$/, '');
  return (number === 1 ? text?.replace(/^\ufeff/, '') : text) ?? line;
}

function refused(error: unknown, line: number, address: string): Error {
  const failure = readCallFailure(error);
  if (failure === undefined) return error instanceof Error ? error : new Error(String(error));
  const text = `line ${line}: ${describeCallError(failure, address)}`;
  return new CliError(text, exitCodeFor(failure), describeViolations(failure));
}

/** What has become of it all, in a line. */
export function describeSent(room: string, { count, firstOffset, lastOffset }: SentLines): string {
  const offsets = firstOffset === lastOffset ? `offset ${firstOffset}` : `offsets ${firstOffset} to ${lastOffset}`;
  return `sent ${count} ${count === 1 ? 'message' : 'messages'} to ${room}${count > 0 ? `, ${offsets}` : ''}`;
}
