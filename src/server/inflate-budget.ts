import { DomainError } from '../domain/errors.js';
import { type Compression, inflateMessage, mostInflatedBytes } from './inflate-message.js';

export interface InflateLimits {
  /** Bytes that compressed and inflated messages may take together; one message more if nothing else is charged. */
  readonly maxBytes: number;
  /** Messages inflated at a time. Default: 2, half of Node's thread pool, which reads and writes files too. */
  readonly concurrency?: number;
  /** Messages that may wait. Default: 1,000. */
  readonly maxWaiting?: number;
  /** How long a message may wait, in milliseconds. Default: 5,000. */
  readonly maxWaitMs?: number;
}

export interface InflateRequest {
  readonly compressed: Buffer;
  readonly encoding: Compression;
  /** Of the inflated message, in bytes. */
  readonly maxSize: number;
  /** Requests of one connection are served in order, connections in turn. */
  readonly connection: object;
  /** The inflated message stays charged until `release` is called. */
  done: (bytes: Buffer) => void;
  failed: (error: Error) => void;
}

/** One message, from its request until its handler has it. */
export interface InflateCharge {
  /** Cancels what is not done yet and frees what is charged. Neither callback is called any more. Idempotent. */
  release(): void;
}

/** Bounds what all calls of a process spend on compressed messages: memory, threads and time in the queue. */
export interface InflateBudget {
  inflate(request: InflateRequest): InflateCharge;
  /** Bytes charged now. */
  readonly chargedBytes: number;
  /** Messages that wait now. */
  readonly waiting: number;
}

interface Job extends InflateRequest {
  /** When it began to wait, by `performance.now()`. */
  readonly since: number;
  readonly line: Line;
  chargedBytes: number;
  cancel: (() => void) | undefined;
  isOver: boolean;
}

/** What one connection has asked for. */
interface Line {
  readonly connection: object;
  readonly waiting: Set<Job>;
  waitingBytes: number;
  /** Charged for messages that no longer wait. */
  chargedBytes: number;
}

export function createInflateBudget(limits: InflateLimits): InflateBudget {
  const { maxBytes, concurrency = 2, maxWaiting = 1_000, maxWaitMs = 5_000 } = limits;
  const lines = new Map<object, Line>();
  /** Lines with somebody waiting; the first one is next. */
  const turns = new Set<Line>();
  let charged = 0;
  let inflated = 0;
  let running = 0;
  let waiting = 0;
  let timer: NodeJS.Timeout | undefined;

  function inflate(request: InflateRequest): InflateCharge {
    const line = lineOf(request.connection);
    const job: Job = { ...request, line, since: performance.now(), chargedBytes: 0, cancel: undefined, isOver: false };
    line.waiting.add(job);
    turns.add(line);
    waiting++;
    charge(job, job.compressed.byteLength);
    timer ??= setInterval(refuseLate, maxWaitMs / 4).unref();
    startMore();
    while (charged - inflated > maxBytes) refuseNewest((line) => line.waitingBytes);
    while (waiting > maxWaiting) refuseNewest((line) => line.waiting.size);
    return { release: () => release(job) };
  }

  function startMore(): void {
    for (let line = nextLine(); line !== undefined; line = nextLine()) {
      const [job] = line.waiting;
      if (job === undefined || !fits(job)) return;
      turns.delete(line);
      leaveLine(job);
      if (line.waiting.size > 0) turns.add(line);
      start(job);
    }
  }

  /** A connection that holds half of the budget lets others go first. */
  function nextLine(): Line | undefined {
    if (running >= concurrency) return undefined;
    for (const line of turns) if (line.chargedBytes <= maxBytes / 2) return line;
    return undefined;
  }

  function fits(job: Job): boolean {
    return inflated === 0 || inflated + mostBytes(job) <= maxBytes;
  }

  function start(job: Job): void {
    running++;
    charge(job, job.compressed.byteLength + mostBytes(job));
    const { cancel } = inflateMessage(job.compressed, job.encoding, job.maxSize, {
      done: (bytes) => {
        charge(job, bytes.byteLength);
        job.cancel = undefined;
        job.done(bytes);
      },
      failed: (error) => {
        release(job);
        job.failed(error);
      },
      closed: () => {
        running--;
        startMore();
      },
    });
    job.cancel = cancel;
  }

  function release(job: Job): void {
    if (job.isOver) return;
    job.isOver = true;
    if (job.line.waiting.has(job)) leaveLine(job);
    job.cancel?.();
    charge(job, 0);
    const { line } = job;
    if (line.chargedBytes === 0 && line.waiting.size === 0) lines.delete(line.connection);
    startMore();
  }

  function charge(job: Job, bytes: number): void {
    const change = bytes - job.chargedBytes;
    job.chargedBytes = bytes;
    charged += change;
    if (job.line.waiting.has(job)) {
      job.line.waitingBytes += change;
      return;
    }
    inflated += change;
    job.line.chargedBytes += change;
  }

  /** What it was charged for while it waited, it now has as one that no longer waits. */
  function leaveLine(job: Job): void {
    const { line } = job;
    line.waiting.delete(job);
    if (line.waiting.size === 0) turns.delete(line);
    inflated += job.chargedBytes;
    line.waitingBytes -= job.chargedBytes;
    line.chargedBytes += job.chargedBytes;
    if (--waiting > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  /** Of the connection with the most that wait, so that a flood does not get others refused. */
  function refuseNewest(amountOf: (line: Line) => number): void {
    const most = [...turns].reduce((a, b) => (amountOf(b) > amountOf(a) ? b : a));
    const newest = [...most.waiting].at(-1);
    if (newest) refuse(newest, 'too many compressed messages wait');
  }

  function refuseLate(): void {
    const latest = performance.now() - maxWaitMs;
    for (const line of [...turns]) {
      for (const job of line.waiting) {
        if (job.since > latest) break;
        refuse(job, `the message waited ${maxWaitMs} ms to be decompressed`);
      }
    }
  }

  function refuse(job: Job, why: string): void {
    release(job);
    job.failed(new DomainError('exhausted', 'OVERLOADED', `${why}: retry in a moment, or send without compression`));
  }

  function lineOf(connection: object): Line {
    const known = lines.get(connection);
    if (known) return known;
    const line: Line = { connection, waiting: new Set(), waitingBytes: 0, chargedBytes: 0 };
    lines.set(connection, line);
    return line;
  }

  return {
    inflate,
    get chargedBytes() {
      return charged;
    },
    get waiting() {
      return waiting;
    },
  };
}

function mostBytes({ compressed, maxSize }: Job): number {
  return mostInflatedBytes(compressed.byteLength, maxSize);
}
