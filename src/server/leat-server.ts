import { constants, type Http2Session } from 'node:http2';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { createServer } from 'nice-grpc';
import { Gauge, Registry } from 'prom-client';
import type { Config } from '../config.js';
import { createWindowControl, type WindowControl } from '../flow/control-windows.js';
import { createWindowBudget } from '../flow/window-budget.js';
import { createAbortGuard } from '../middleware/abort-guard.js';
import { createCallBoundary } from '../middleware/call-boundary.js';
import { createCallLog, type CallLogger } from '../middleware/call-log.js';
import { createCallMetrics } from '../middleware/call-metrics.js';
import { createCallRecords, drainingError, type CallRecords } from '../middleware/call-records.js';
import { createTimeLimit } from '../middleware/deadline.js';
import { createLimitedLog } from '../middleware/limited-log.js';
import { createCallerMiddleware } from '../middleware/caller.js';
import { admit } from './admission.js';
import { createCallInterceptor } from './call-interceptor.js';
import { createCallGate } from './call-limits.js';
import { type CallTurns, createCallTurns } from './call-turns.js';
import { type Capacity, capacityOf } from './capacity.js';
import { createConnectionLog, type ConnectionLog } from './connection-log.js';
import type { Connection } from './connection.js';
import { type Connections, createConnections } from './connections.js';
import { measureEventLoopDelay } from './event-loop-delay.js';
import { createFirstMessages } from './first-message.js';
import { createHealth, type Health } from './health.js';
import { createHttpPort } from './http-port.js';
import { createInflateBudget } from './inflate-budget.js';
import { createPartialMessages } from './partial-messages.js';
import type { ReceiveControl } from './paused-buffer.js';
import { createReadTurns } from './read-turns.js';
import { createReceiveBudget } from './receive-budget.js';
import { createReflection } from './reflection.js';
import type { LeatServer, ServedService } from './served-service.js';
import { addressText, cannotListen, checkAddress } from './start-failure.js';
import { installTransportTuning, transportOptions, type TransportHooks } from './transport.js';
import { createUnreadAnswers } from './unread-answers.js';

export interface ServerDeps {
  readonly config: Config;
  readonly services: readonly ServedService[];
  readonly log: CallLogger;
  /** Whether the disk is full, so that only reads and what frees space are served. Default: it never is. */
  readonly isFull?: () => boolean;
}

/** One server: a gRPC port and an HTTP port. */
export interface RunningServer {
  /** Resolves when both ports are open. Rejects, and leaves nothing open, if one cannot be. */
  start(): Promise<Ports>;
  /**
   * Stops taking calls, ends streams with UNAVAILABLE and RetryInfo, waits for unary calls until the drain timeout,
   * then ends what is left. Repeating it is harmless.
   */
  drain(): Promise<void>;
  /** Ends everything now. Repeating it is harmless. */
  close(): Promise<void>;
  readonly registry: Registry;
  /** Calls that are running. */
  readonly calls: Pick<CallRecords, 'size' | 'idle'>;
}

export interface Ports {
  readonly grpcPort: number;
  readonly httpPort: number;
}

/** How long calls that were told to end may take before their connections are closed. */
const ABORT_GRACE_MS = 250;

export function createLeatServer(deps: ServerDeps): RunningServer {
  const { config, log, isFull = () => false } = deps;
  installTransportTuning();
  const registry = new Registry();
  measureFullDisk(registry, isFull);
  const limitedLog = createLimitedLog(log);
  const connectionLog = createConnectionLog(limitedLog, registry);
  const records = createCallRecords([createCallLog(log, limitedLog), createCallMetrics(registry)]);
  const health = createHealth(deps.services.map(({ name }) => name));
  const services = withStandardServices(deps, health);
  const windows = createWindowControl({
    minBytes: config.window,
    maxBytes: Math.max(config.maxWindow, config.window),
    budget: createWindowBudget(config.windowBudget),
  });
  const capacity = capacityOf(config);
  const connections = createConnections({ ...config, ...capacity }, connectionLog);
  const server = createGrpcServer({ ...deps, services }, { records, windows, connectionLog, connections, capacity });
  let ready = false;
  const http = createHttpPort({
    registry,
    isReady: () => ready,
    isFull,
    log,
    maxConnections: config.httpMaxConnections,
    timeoutMs: config.httpTimeout,
  });
  const stopMeasuring = measureEventLoopDelay(registry);
  let draining: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  async function start() {
    try {
      for (const service of services) service.addTo(server);
      // What grpc-js says of a failure names neither the address nor the cause.
      await checkAddress('listen', config.listen);
      const grpcPort = await server.listen(addressText(config.listen)).catch((error: unknown) => {
        throw cannotListen('listen', config.listen, error);
      });
      const httpPort = await http.listen(config.httpListen).catch((error: unknown) => {
        throw cannotListen('http-listen', config.httpListen, error);
      });
      ready = true;
      health.set(true);
      return { grpcPort, httpPort };
    } catch (error) {
      await close();
      throw error;
    }
  }

  async function drain() {
    ready = false;
    health.set(false);
    // Those who watch the health are told before their streams end.
    await turn();
    const aborted = records.drain();
    connections.shutDown();
    const shutdown = server.shutdown();
    await aborted;
    if (!(await within(config.drainTimeout, shutdown))) {
      await records.abortAll(drainingError());
      await untilIdle(records);
      await within(ABORT_GRACE_MS, shutdown);
    }
    await close();
  }

  async function stop() {
    ready = false;
    health.set(false);
    connections.shutDown();
    server.forceShutdown();
    await untilIdle(records);
    limitedLog.close();
    stopMeasuring();
    windows.close();
    await http.close();
  }

  const close = () => (closing ??= stop());
  return { start, drain: () => (draining ??= drain()), close, registry, calls: records };
}

/** Resolves when no call is left, or when none has ended for ABORT_GRACE_MS: thousands of calls take longer than that. */
async function untilIdle(records: CallRecords): Promise<void> {
  let left = Infinity;
  while (records.size > 0 && records.size < left) {
    left = records.size;
    await within(ABORT_GRACE_MS, records.idle());
  }
}

function measureFullDisk(registry: Registry, isFull: () => boolean): void {
  new Gauge({
    name: 'leat_disk_full',
    help: '1 while the disk is full, and only reads and what frees space are served; otherwise 0.',
    registers: [registry],
    collect() {
      this.set(Number(isFull()));
    },
  });
}

interface Parts {
  readonly records: CallRecords;
  readonly windows: WindowControl;
  readonly connectionLog: ConnectionLog;
  readonly connections: Connections;
  readonly capacity: Capacity;
}

function createGrpcServer({ config, services, log }: ServerDeps, parts: Parts): LeatServer {
  const { records, windows, connectionLog, connections, capacity } = parts;
  const unaryMethods = new Map(services.flatMap(({ unaryMethods }) => [...unaryMethods]));
  const unaryTurns: CallTurns = createCallTurns((connection) => !unreadAnswers.isFull(connection));
  const unreadAnswers = createUnreadAnswers({
    maxBytes: config.unreadResponseBudget,
    onRead: (session) => unaryTurns.resume(session),
    onDropped: (session) => connectionLog.droppedResponse(connections.of(session)),
  });
  const interceptor = createCallInterceptor({
    records,
    partialMessages: createPartialMessages({ maxBytes: config.partialMessageBudget }),
    firstMessages: createFirstMessages(config.firstMessageTimeout),
    inflateBudget: createInflateBudget({ maxBytes: config.decompressionBudget }),
    windows,
    unaryMethods,
    directMethods: new Map(services.flatMap(({ directMethods }) => [...directMethods])),
    maxMetadataSize: config.maxMetadataSize,
    timeLimit: createTimeLimit(config.maxUnaryDuration),
    unaryTurns,
    streamTurns: createCallTurns(),
    endTurns: createCallTurns(),
    unreadAnswers,
  });
  const receiving = createReceiveControl(config, connections, log);
  const hooks = createHooks(parts, receiving, (path) => unaryMethods.has(path));
  return createServer(transportOptions({ ...config, ...capacity }, [interceptor], windows, hooks, receiving))
    .use(createCallBoundary({ records, maxUnaryMs: config.maxUnaryDuration }))
    .use(createCallerMiddleware())
    .use(createAbortGuard());
}

function createHooks(
  { connections, connectionLog, capacity }: Parts,
  { turns: readTurns }: ReceiveControl,
  isUnary: (path: string) => boolean,
): TransportHooks {
  const refused = (connection: Connection) => connectionLog.refusedCall(connection, 'TOO_MANY_CALLS');
  const gate = createCallGate(capacity, refused);
  const callTurns = createCallTurns();
  return {
    connected: (session) => void connections.add(session),
    acceptFailed: (error) => connectionLog.acceptFailed(error),
    refused: (address) => connectionLog.refused(address),
    admit: (next) => admit({ connections, gate, isUnary, refused, readTurns, callTurns }, next),
  };
}

function createReceiveControl(
  { receiveBudget: maxBytes }: Config,
  connections: Connections,
  log: CallLogger,
): ReceiveControl {
  const message = 'closed the connection that held most of the receive budget';
  function close(session: Http2Session, bytes: number): void {
    const { remoteAddress, remotePort } = session.socket;
    log.warn({ peer: `${remoteAddress}:${remotePort}`, bytes, maxBytes }, message);
    connections.of(session)?.end('receive-budget', constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
  return { budget: createReceiveBudget({ maxBytes, close }), turns: createReadTurns() };
}

/** Every service goes through the same codec, limits and logging, those of gRPC itself included. */
function withStandardServices({ config, services }: ServerDeps, health: Health): readonly ServedService[] {
  const all = [...services, health.service];
  return config.reflection ? [...all, ...createReflection(all.map(({ name }) => name))] : all;
}

/** True if it came to an end in time. */
async function within(ms: number, done: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController();
  const late = delay(ms, false, { signal: timer.signal }).catch(() => false);
  try {
    return await Promise.race([done.then(() => true), late]);
  } finally {
    timer.abort();
  }
}
