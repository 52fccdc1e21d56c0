import { setTimeout as pause } from 'node:timers/promises';
import { EventRecord } from '../../gen/leat/v1/event.js';
import { ListEventsRequest, ListEventsResponse } from '../../gen/leat/v1/event_service.js';
import { frame } from '../load/events.js';
import { createFrameSplitter } from '../load/frames.js';
import { type RawConnection, rawConnection } from '../load/raw-call.js';
import { stampOf } from '../load/stamped-events.js';
import { playRole, roleOptions } from '../processes/play-role.js';
import { cpuSeconds } from '../processes/usage.js';

export interface TailerOptions {
  readonly port: number;
  readonly path: string;
  /** What one message holds: a page of records, or one. */
  readonly shape: 'pages' | 'records';
  readonly topic: string;
}

/** A tail whose messages are read; the others are only received. */
interface Watched {
  readonly latenciesMs: number[];
}

export interface Latencies {
  readonly latenciesMs: number[];
  /** How many had not come when the waiting ended; they count with the time until then. */
  readonly missing: number;
  /** How busy this process was (1 = one core). */
  readonly cpu: number;
}

const TAILS_A_CONNECTION = 250;
const WATCHED = 20;
const GRACE_MS = 4_000;

const options = roleOptions<TailerOptions>();
let connections: RawConnection[] = [];
let watched: Watched[] = [];
let startedAt = 0;
let cpuBefore = 0;

const commands = {
  /** Opens tails at the head; answers when all are there. */
  async open(tails: number): Promise<void> {
    const count = Math.ceil(tails / TAILS_A_CONNECTION);
    connections = await Promise.all(Array.from({ length: count }, () => rawConnection(options.port)));
    const every = Math.max(1, Math.floor(tails / WATCHED));
    watched = [];
    await Promise.all(
      Array.from({ length: tails }, async (_, index) => {
        const connection = connections[index % count];
        if (connection) await openTail(connection, index % every === 0);
      }),
    );
    [startedAt, cpuBefore] = [performance.now(), cpuSeconds()];
  },

  /** Waits until the watched tails have all that was sent, or for some seconds, and closes all tails. */
  async collect(sentAtNs: readonly bigint[]): Promise<Latencies> {
    const until = performance.now() + GRACE_MS;
    const isAllThere = () => watched.every(({ latenciesMs }) => latenciesMs.length >= sentAtNs.length);
    while (!isAllThere() && performance.now() < until) await pause(20);
    const cpu = (cpuSeconds() - cpuBefore) / ((performance.now() - startedAt) / 1000);
    const now = process.hrtime.bigint();
    const late = watched.map(({ latenciesMs }) =>
      sentAtNs.slice(latenciesMs.length).map((at) => Number(now - at) / 1e6),
    );
    const latenciesMs = [...watched.flatMap((one) => one.latenciesMs), ...late.flat()];
    connections.forEach((connection) => connection.close());
    return { latenciesMs, missing: late.flat().length, cpu };
  },
};

async function openTail(connection: RawConnection, isWatched: boolean): Promise<void> {
  const { stream } = connection.call(options.path);
  stream.on('error', () => undefined); // Closed in the middle of it.
  const request = { topic: options.topic, follow: true, start: { position: { $case: 'last', value: 0n } } } as const;
  const opened = new Promise<void>((resolve) => stream.once('response', () => resolve()));
  if (isWatched) stream.on('data', watch());
  else stream.resume();
  stream.end(frame(ListEventsRequest.encode(ListEventsRequest.fromPartial(request)).finish()));
  await opened;
}

function watch(): (chunk: Buffer) => void {
  const latenciesMs: number[] = [];
  watched.push({ latenciesMs });
  return createFrameSplitter((message) => {
    const now = process.hrtime.bigint();
    const records =
      options.shape === 'pages' ? ListEventsResponse.decode(message).records : [EventRecord.decode(message)];
    for (const { event } of records) latenciesMs.push(Number(now - stampOf(event)) / 1e6);
  });
}

export type TailerRole = typeof commands;

playRole(commands);
