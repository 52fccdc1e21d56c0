import { openHttp2Members } from '../load/http2-members.js';
import type { Members } from '../load/members.js';
import { openWebSocketMembers, plainDialect, socketIoDialect } from '../load/websocket-members.js';
import { playRole, roleOptions } from '../processes/play-role.js';
import { cpuSeconds } from '../processes/usage.js';

export interface MembersOptions {
  readonly port: number;
  readonly protocol: 'chat' | 'ws' | 'socket.io';
  readonly members: number;
}

export interface FanoutResult {
  readonly deliveriesPerSecond: number;
  /** How busy this process was (1 = one core). */
  readonly cpu: number;
}

/** Members of Chat share connections; those over WebSocket have one each. */
const CONNECTIONS = 8;

async function open({ port, protocol, members }: MembersOptions): Promise<Members> {
  switch (protocol) {
    case 'chat':
      return openHttp2Members(port, members, CONNECTIONS);
    case 'ws':
      return openWebSocketMembers(port, members, plainDialect);
    case 'socket.io':
      return openWebSocketMembers(port, members, socketIoDialect);
  }
}

const options = roleOptions<MembersOptions>();
const members = await open(options);

const commands = {
  /** Says bursts for some seconds, each when everybody has the one before. */
  async talk({ burst, seconds }: { burst: number; seconds: number }): Promise<FanoutResult> {
    const [startedAt, cpuBefore, before] = [performance.now(), cpuSeconds(), members.received];
    while (performance.now() - startedAt < seconds * 1000) await sayToAll(burst);
    const elapsed = (performance.now() - startedAt) / 1000;
    return {
      deliveriesPerSecond: (members.received - before) / elapsed,
      cpu: (cpuSeconds() - cpuBefore) / elapsed,
    };
  },
};

function sayToAll(burst: number): Promise<void> {
  const due = members.received + burst * options.members;
  return new Promise((resolve) => {
    members.onReceived = () => {
      if (members.received >= due) resolve();
    };
    members.say(burst);
  });
}

export type MembersRole = typeof commands;

playRole(commands);
