import { resetStream, sessionOf, streamOf } from './base-call.js';

/** A response of this size or less is not counted: a call takes more memory than that. */
const SMALL_BYTES = 4 * 1024;
/** With so many bytes unread a connection gets no further responses until it reads. */
const CONNECTION_BYTES = 4 * 1024 * 1024;

/** Responses of unary calls that were given to the transport and that their clients have not read. */
export interface UnreadAnswers {
  /** A call gets its response, of so many bytes. Returns a function to be called when it is written. */
  add(call: object, bytes: number): () => void;
  /** True: the connection does not read what it asked for. */
  isFull(connection: object): boolean;
}

export interface UnreadAnswersOptions {
  /** Of all connections together, in bytes. Beyond it the connection that holds most loses its oldest response. */
  readonly maxBytes: number;
  /** `isFull` is false again for a connection. */
  readonly onRead: (connection: object) => void;
  /** A connection lost a response. */
  readonly onDropped: (connection: object) => void;
}

interface Answer {
  readonly call: object;
  readonly bytes: number;
}

/** Of one connection, oldest first. */
interface Held {
  readonly answers: Set<Answer>;
  bytes: number;
}

/** Bounds what clients may ask for without reading it: an open call holds its response until flow control lets it go. */
export function createUnreadAnswers({ maxBytes, onRead, onDropped }: UnreadAnswersOptions): UnreadAnswers {
  const byConnection = new Map<object, Held>();
  let total = 0;

  function isFull(connection: object): boolean {
    return (byConnection.get(connection)?.bytes ?? 0) >= CONNECTION_BYTES;
  }

  function remove(connection: object, answer: Answer): void {
    const held = byConnection.get(connection);
    if (!held?.answers.delete(answer)) return;
    held.bytes -= answer.bytes;
    total -= answer.bytes;
    if (held.answers.size === 0) byConnection.delete(connection);
    if (!isFull(connection)) onRead(connection);
  }

  function dropOne(): void {
    const [connection, { answers }] = [...byConnection].reduce((a, b) => (b[1].bytes > a[1].bytes ? b : a));
    const [oldest] = answers;
    if (oldest === undefined) return;
    remove(connection, oldest);
    resetStream(oldest.call);
    onDropped(connection);
  }

  return {
    isFull,
    add(call, bytes) {
      const connection = sessionOf(call);
      if (bytes <= SMALL_BYTES || connection === undefined) return () => undefined;
      while (total > 0 && total + bytes > maxBytes) dropOne();
      const answer = { call, bytes };
      const held = byConnection.get(connection) ?? { answers: new Set(), bytes: 0 };
      held.answers.add(answer);
      held.bytes += bytes;
      total += bytes;
      byConnection.set(connection, held);
      const written = () => remove(connection, answer);
      streamOf(call)?.once('close', written);
      return written;
    },
  };
}
