import type { Logger } from 'pino';
import { collectDefaultMetrics } from 'prom-client';
import type { Config } from '../config.js';
import { ensureSystemTopics } from '../domain/topics/system-topics.js';
import { openSqliteStore } from '../store/sqlite/index.js';
import type { Store } from '../store/store.js';
import { catchCrashes, type CrashSource } from './crashes.js';
import { openFiles, type Files } from './files.js';
import { createLeatServer, type RunningServer } from './leat-server.js';
import { createLog } from './log.js';
import { findUncleanStop, markRunning } from './run-marker.js';
import { leatServices } from './services.js';
import { awaitSignals, type SignalSource, type StopSignals } from './signals.js';
import { describeFailure } from './start-failure.js';

/** How `serve` ended; the process's exit code. */
export const ExitCode = {
  /** Asked to stop, and stopped. */
  STOPPED: 0,
  /** Could not start (an address is taken, the data directory cannot be used), lost its store, or met a defect. */
  FAILED: 1,
  /** Asked to stop twice: calls were cut. */
  FORCED: 3,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export interface ServeOptions {
  /** Default: the process. */
  readonly signals?: SignalSource;
  /** Where errors come from that nobody handled. Default: the process. */
  readonly crashes?: CrashSource;
  /** Default: the standard output, as configured. */
  readonly log?: Logger;
  /** Takes one line for people about why the server did not start, or did not go on. Default: only the log has it. */
  readonly onFailed?: (message: string) => void;
}

/**
 * Runs one server until SIGTERM or SIGINT: the first drains it, the second cuts what is left. Never rejects: what went
 * wrong is in the log. The caller ends the process with the result, since nothing waits for a store that was lost.
 */
export async function serve(config: Config, options: ServeOptions = {}): Promise<ExitCode> {
  const log = options.log ?? createLog(config, process.stdout, process.env);
  const stop = awaitSignals(options.signals ?? process);
  const fatal = createFatalPath();
  const endCatching = catchCrashes(options.crashes ?? process, (error) => fatal.take('unexpected error', error));
  try {
    return await run(config, log, { stop, lost: fatal.taken }, (error) => fatal.take('the store is lost', error));
  } catch (error) {
    const { message, reason } = describeFailure(error, config);
    // A stack is for defects: what the operator can fix is one line, and on a terminal it is said once.
    if (reason === undefined || !options.onFailed || !process.stdout.isTTY) {
      log.fatal(reason === undefined ? { err: error } : { reason }, message);
    }
    options.onFailed?.(message);
    return ExitCode.FAILED;
  } finally {
    endCatching();
    stop.end();
  }
}

/** The one way on which the server ends by itself: the first error counts, later ones follow from it. */
function createFatalPath() {
  let reject: (error: Error) => void = () => undefined;
  const taken = new Promise<never>((_, fail) => (reject = fail));
  taken.catch(() => undefined); // Nobody may be waiting for it yet.
  return {
    /** Rejects when the path is taken. */
    taken,
    take(what: string, cause: unknown): void {
      const detail = cause instanceof Error ? cause.message : String(cause);
      reject(new Error(`${what}: ${detail}`, { cause }));
    },
  };
}

async function run(config: Config, log: Logger, ends: Ends, onFatal: (error: unknown) => void): Promise<ExitCode> {
  const { dataDir, newEpoch, producerMaxIdle: producerMaxIdleMs } = config;
  const lost = ends.lost.catch(() => undefined);
  const warn = (values: object, message: string) => log.warn(values, message);
  const unclean = findUncleanStop(dataDir);
  const store = await openSqliteStore({
    dataDir,
    newEpoch,
    producerMaxIdleMs,
    diskReserveBytes: config.diskReserve,
    onFatal,
    warn,
  });
  if (unclean)
    log.warn(unclean, 'the previous run did not stop cleanly: recovered its log, no acknowledged write is lost');
  try {
    const files = await openFiles({ config, store, dataDir, log, onFatal });
    try {
      return await serveStore({ config, store, files, log }, ends);
    } finally {
      await Promise.race([files.close(), lost]);
    }
  } finally {
    await Promise.race([store.close(), lost]);
  }
}

interface Served {
  readonly config: Config;
  readonly store: Store;
  readonly files: Files;
  readonly log: Logger;
}

/** What ends the serving. */
interface Ends {
  readonly stop: StopSignals;
  /** Rejects if the store is lost, or on an error that nobody handled. */
  readonly lost: Promise<never>;
}

async function serveStore({ config, store, files, log }: Served, ends: Ends): Promise<ExitCode> {
  await ensureSystemTopics(store, { maxAgeMs: config.sysMaxAge });
  const server = createLeatServer({
    config,
    log,
    services: leatServices({ config, store, files }),
    isFull: () => store.isFull,
  });
  collectDefaultMetrics({ register: server.registry });
  const ports = await server.start();
  const markStopped = markRunning(config.dataDir);
  log.info({ ...ports, host: config.listen.host, dataDir: config.dataDir }, 'serving');
  const exitCode = await untilStopped(server, ends, log);
  markStopped();
  return exitCode;
}

async function untilStopped(server: RunningServer, { stop, lost }: Ends, log: Logger): Promise<ExitCode> {
  try {
    await Promise.race([stop.first, lost]);
  } catch (error) {
    // Callers whose writes were under way are told that their outcome is unknown.
    await Promise.race([server.drain(), stop.first]);
    throw error;
  }
  log.info('draining: running calls end, new ones are refused; a second signal cuts them');
  const drained = server.drain().then(() => ExitCode.STOPPED);
  const exitCode = await Promise.race([drained, stop.second.then(() => ExitCode.FORCED), lost]);
  await server.close();
  log.info(exitCode === ExitCode.FORCED ? 'stopped at once' : 'stopped');
  return exitCode;
}
