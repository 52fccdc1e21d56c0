import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/** A frame of HTTP/2 (RFC 9113, section 4.1). */
export interface WireFrame {
  readonly type: number;
  readonly flags: number;
  readonly payload: Buffer;
}

export const FRAME_RST_STREAM = 3;
export const FRAME_SETTINGS = 4;
/** Of SETTINGS frames. */
export const FLAG_ACK = 1;

/** Sees each frame; it is forwarded when `forward` is called. */
export type OnFrame = (frame: WireFrame, forward: () => void) => void;

const PREFACE_BYTES = 24;
const HEADER_BYTES = 9;

/** A TCP proxy on 127.0.0.1 that cuts both directions into frames. Default: it forwards each at once. */
export async function startFrameProxy(
  targetPort: number,
  { toServer = (_frame, forward) => forward(), toClient = (_frame, forward) => forward() }: FrameHandlers,
): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();

  function track(socket: Socket, other: Socket): void {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      other.destroy();
    });
  }

  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    track(near, far);
    track(far, near);
    forwardFrames(near, far, PREFACE_BYTES, toServer);
    forwardFrames(far, near, 0, toClient);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

export interface FrameHandlers {
  readonly toServer?: OnFrame;
  readonly toClient?: OnFrame;
}

function forwardFrames(from: Socket, to: Socket, prefaceBytes: number, onFrame: OnFrame): void {
  let preface = prefaceBytes;
  let rest = Buffer.alloc(0);
  const write = (bytes: Buffer) => {
    if (to.writable) to.write(bytes);
  };
  from.on('data', (data: Buffer) => {
    rest = Buffer.concat([rest, data]);
    if (preface > 0) {
      if (rest.byteLength < preface) return;
      write(rest.subarray(0, preface));
      rest = rest.subarray(preface);
      preface = 0;
    }
    while (rest.byteLength >= HEADER_BYTES) {
      const end = HEADER_BYTES + rest.readUIntBE(0, 3);
      if (rest.byteLength < end) return;
      const bytes = rest.subarray(0, end);
      rest = rest.subarray(end);
      const frame = { type: bytes.readUInt8(3), flags: bytes.readUInt8(4), payload: bytes.subarray(HEADER_BYTES) };
      onFrame(frame, () => write(bytes));
    }
  });
}
