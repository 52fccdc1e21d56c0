import { once } from 'node:events';
import { openingFrames } from '../load/chat-frames.js';
import { type RawConnection, rawConnection } from '../load/raw-call.js';
import { playRole, roleOptions } from '../processes/play-role.js';

export interface IdlerOptions {
  readonly port: number;
  readonly path: string;
  /** Members of Chat, a hundred to a room; or those who open a stream both ways and say nothing. */
  readonly kind: 'members' | 'silent';
}

const CONNECTIONS = 10;
const MEMBERS_A_ROOM = 100;
/** So many come at a time, or what a server that is busy has not collected yet would be counted too. */
const WAVE = 50;

const { kind, path, port } = roleOptions<IdlerOptions>();
const connections: RawConnection[] = [];

async function openOne(connection: RawConnection, index: number): Promise<void> {
  const { stream } = connection.call(path);
  stream.on('error', () => undefined); // Closed in the middle of it.
  if (kind === 'members') stream.write(openingFrames(`${index}`, `idle/${Math.floor(index / MEMBERS_A_ROOM)}`));
  stream.resume();
  await once(stream, kind === 'members' ? 'data' : 'response');
}

const commands = {
  /** Opens streams that then say nothing. */
  async openStreams(count: number): Promise<void> {
    for (let index = 0; index < CONNECTIONS; index++) connections.push(await rawConnection(port));
    for (let first = 0; first < count; first += WAVE) {
      const wave = Array.from({ length: WAVE }, async (_, index) => {
        const connection = connections[(first + index) % CONNECTIONS];
        if (connection) await openOne(connection, first + index);
      });
      await Promise.all(wave);
    }
  },

  /** Opens connections without a call. */
  async openConnections(count: number): Promise<void> {
    for (let index = 0; index < count; index++) connections.push(await rawConnection(port));
  },
};

export type IdlerRole = typeof commands;

playRole(commands);
