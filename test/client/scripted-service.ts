import { createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Any } from 'nice-grpc-error-details';
import { Status } from 'nice-grpc-common';
import { DETAILS_TRAILER, encodeStatus, errorInfo, retryInfo } from '../../src/middleware/error-details.js';

/** What a call is answered with: a status with its details, or nothing, until the caller leaves. */
export type Answer = { readonly code: Status; readonly details?: Uint8Array } | 'silence' | 'reset';

/** The far side of the wire, as bare HTTP/2: it sees what was sent, and answers as it is told to. */
export interface ScriptedService {
  readonly address: string;
  /** The headers of all calls so far. */
  readonly calls: readonly IncomingHttpHeaders[];
  /** The answers to the next calls; those behind them get an empty message and OK. */
  script(...answers: readonly Answer[]): void;
  /** Calls that neither side has ended. */
  open(): number;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startScriptedService(): Promise<ScriptedService> {
  const calls: IncomingHttpHeaders[] = [];
  const answers: Answer[] = [];
  const streams = new Set<ServerHttp2Stream>();
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    calls.push(headers);
    streams.add(stream);
    stream.on('error', () => undefined).on('close', () => streams.delete(stream));
    stream.resume();
    const answer = answers.shift() ?? { code: Status.OK };
    if (answer === 'reset') stream.close(2);
    else if (answer !== 'silence') respond(stream, answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    script: (...next) => void answers.push(...next),
    open: () => streams.size,
    async [Symbol.asyncDispose]() {
      sessions.forEach((session) => session.destroy());
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function respond(stream: ServerHttp2Stream, { code, details }: Exclude<Answer, string>): void {
  const trailers: Record<string, string> = { 'grpc-status': String(code), 'grpc-message': Status[code] };
  if (details !== undefined) trailers[DETAILS_TRAILER] = Buffer.from(details).toString('base64');
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true });
  if (code === Status.OK) stream.write(Buffer.alloc(5));
  stream.end();
}

/** A failure as the service tells it. */
export function failure(code: Status, reason?: string, retryAfterMs?: number): Answer {
  const details: Any[] = [];
  if (reason !== undefined) details.push(errorInfo(reason));
  if (retryAfterMs !== undefined) details.push(retryInfo(retryAfterMs));
  return { code, details: details.length === 0 ? undefined : encodeStatus(code, reason ?? '', details) };
}
