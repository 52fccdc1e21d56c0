import { readFileSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import type { Config } from '../config.js';

/** How many connections and calls the process takes at a time. */
export interface Capacity {
  readonly maxConnections: number;
  readonly maxCalls: number;
  readonly maxWaitingCalls: number;
}

/** What a call takes of the heap while it waits: 33 KB were measured, and it may do more than wait. */
const CALL_BYTES = 48 * 1024;
/** What a connection takes besides its calls. */
const CONNECTION_BYTES = 16 * 1024;
/** The part of the heap that calls, or connections, may take. */
const HEAP_PART = 1 / 2;
/** Open files that are left to the store, to uploads and to the HTTP port. */
const RESERVED_FILES_PART = 1 / 4;

/** What is configured, or less if the heap or the limit of open files does not allow it. */
export function capacityOf({ maxConnections, maxCalls, maxWaitingCalls }: Config): Capacity {
  const heapBytes = getHeapStatistics().heap_size_limit * HEAP_PART;
  const calls = Math.min(maxCalls, Math.floor(heapBytes / CALL_BYTES));
  const files = Math.floor(maxOpenFiles() * (1 - RESERVED_FILES_PART));
  return {
    maxConnections: Math.max(Math.min(maxConnections, files, Math.floor(heapBytes / CONNECTION_BYTES)), 1),
    maxCalls: calls,
    maxWaitingCalls: Math.min(maxWaitingCalls, Math.ceil(calls / 2)),
  };
}

/** The soft limit of this process; Infinity where it cannot be read (other systems than Linux). */
function maxOpenFiles(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    return Infinity;
  }
}
