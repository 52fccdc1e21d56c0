import { timerMs } from '../streams/timers.js';
import type { Connection } from './connection.js';

/** Times in milliseconds. */
export interface LifetimeLimits {
  readonly keepaliveTime: number;
  readonly keepaliveTimeout: number;
  readonly maxConnectionAge: number;
  readonly maxConnectionAgeGrace: number;
  readonly maxConnectionIdle: number;
}

/** Connections that were opened together do not end together: their age differs by up to 10 % both ways. */
const AGE_JITTER = 0.1;

/**
 * Closes a connection that is old, idle or dead. This replaces what grpc-js does: it pings a session after the
 * graceful GOAWAY too, where a ping fails at once (HTTP/2 of Node), and then cuts the calls that the grace is for.
 * The keepalive of TCP, and the end of the grace, close the connection of a peer that dies meanwhile.
 */
export function limitLifetime(connection: Connection, limits: LifetimeLimits): void {
  const stops = [limitAge(connection, limits), keepAlive(connection, limits), limitIdleTime(connection, limits)];
  connection.session.once('close', () => {
    for (const stop of stops) stop();
  });
}

/** Like the two below, returns the function that ends it. */
function limitAge(connection: Connection, { maxConnectionAge, maxConnectionAgeGrace }: LifetimeLimits): () => void {
  let grace: NodeJS.Timeout | undefined;
  const ms = maxConnectionAge * (1 + AGE_JITTER * (2 * Math.random() - 1));
  const age = setTimeout(() => connection.retire('max-age'), timerMs(ms)).unref();
  connection.onRetired = () => {
    grace ??= setTimeout(() => connection.end('max-age'), timerMs(maxConnectionAgeGrace)).unref();
  };
  return () => {
    clearTimeout(age);
    clearTimeout(grace);
  };
}

function keepAlive(connection: Connection, { keepaliveTime, keepaliveTimeout }: LifetimeLimits): () => void {
  const { session } = connection;
  let timer: NodeJS.Timeout;

  function wait(): void {
    timer = setTimeout(check, keepaliveTime).unref();
  }

  function check(): void {
    // A session that sent or received GOAWAY is closed for pings, though its calls go on.
    if (session.closed || session.destroyed) return;
    timer = setTimeout(() => connection.end('keepalive'), keepaliveTimeout).unref();
    session.ping((error) => {
      clearTimeout(timer);
      // The session was closed while the ping was under way.
      if (error === null) wait();
    });
  }

  wait();
  return () => clearTimeout(timer);
}

function limitIdleTime(connection: Connection, { maxConnectionIdle }: LifetimeLimits): () => void {
  let timer: NodeJS.Timeout;

  function look(): void {
    const idleMs = connection.calls > 0 ? 0 : performance.now() - connection.idleSince;
    if (idleMs >= maxConnectionIdle) connection.retire('idle');
    else timer = setTimeout(look, timerMs(maxConnectionIdle - idleMs)).unref();
  }

  look();
  return () => clearTimeout(timer);
}
