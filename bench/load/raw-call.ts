import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { once } from 'node:events';

/**
 * A gRPC call on bare HTTP/2, so that the load generator neither encodes nor decodes messages: what takes time is the
 * server that is measured.
 */
export interface RawCall {
  readonly stream: ClientHttp2Stream;
  /** Resolves when the call ended with status OK. */
  readonly done: Promise<void>;
}

const WINDOW = 8 * 1024 * 1024;

export interface RawConnection {
  readonly session: ClientHttp2Session;
  call(path: string): RawCall;
  /** Cuts it, and all its calls. */
  close(): void;
}

/** A connection with room for 8 MiB a stream (`window`), all streams together without a bound that matters. */
export async function rawConnection(port: number, window = WINDOW): Promise<RawConnection> {
  const session = connect(`http://127.0.0.1:${port}`, {
    settings: { initialWindowSize: window, enablePush: false },
    maxSessionMemory: 1024,
  });
  await once(session, 'connect');
  session.setLocalWindowSize(2 ** 30);
  return {
    session,
    call: (path) => rawCall(session, path),
    close: () => session.destroy(),
  };
}

function rawCall(session: ClientHttp2Session, path: string): RawCall {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  const done = new Promise<void>((resolve, reject) => {
    let status = 'no status';
    const note = (headers: Record<string, unknown>) => {
      if (headers['grpc-status'] !== undefined)
        status = `${headers['grpc-status'] as string} ${headers['grpc-message'] as string}`;
    };
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('error', reject);
    stream.on('close', () => {
      if (status.startsWith('0 ')) resolve();
      else reject(new Error(`${path} ended with ${status}`));
    });
  });
  // A caller that cancels on purpose does not wait for it.
  done.catch(() => undefined);
  return { stream, done };
}

/** Writes, and waits while the connection is full. */
export async function send(stream: ClientHttp2Stream, bytes: Uint8Array): Promise<void> {
  if (!stream.write(bytes)) await once(stream, 'drain');
}
