import { Status } from 'nice-grpc-common';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { codeOf } from './call-log.js';
import type { CallObserver } from './call-records.js';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600];

/** Of one method, since the start. */
interface MethodTotals {
  started: number;
  received: number;
  sent: number;
  ended: number;
  readonly handled: Map<Status, number>;
}

/**
 * Counts calls for `registry`, by method and status. Names follow the gRPC ecosystem's Prometheus conventions. Totals are
 * plain numbers until somebody asks: prom-client takes a µs or more for each label that it looks up.
 */
export function createCallMetrics(registry: Registry): CallObserver {
  const methods = new Map<string, MethodTotals>();
  const seconds = createMetrics(registry, methods);

  function totalsOf(path: string): MethodTotals {
    const known = methods.get(path);
    if (known) return known;
    const totals = { started: 0, received: 0, sent: 0, ended: 0, handled: new Map<Status, number>() };
    methods.set(path, totals);
    return totals;
  }

  return {
    started({ path }) {
      totalsOf(path).started++;
    },
    ended(record) {
      const totals = totalsOf(record.path);
      const code = codeOf(record);
      totals.ended++;
      totals.received += record.messagesIn;
      totals.sent += record.messagesOut;
      totals.handled.set(code, (totals.handled.get(code) ?? 0) + 1);
      seconds.observe({ grpc_method: record.path }, (performance.now() - record.startedAt) / 1000);
    },
  };
}

/** All metrics of calls, filled from the totals when they are read; and the one that is not. */
function createMetrics(registry: Registry, methods: ReadonlyMap<string, MethodTotals>): Histogram<'grpc_method'> {
  const registers = [registry];
  const labelNames = ['grpc_method'] as const;

  const counter = (name: string, help: string, valueOf: (totals: MethodTotals) => number) =>
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const [path, totals] of methods) this.inc({ grpc_method: path }, valueOf(totals));
      },
    });

  counter('grpc_server_started_total', 'Calls begun.', ({ started }) => started);
  new Counter({
    name: 'grpc_server_handled_total',
    help: 'Calls ended, by status.',
    labelNames: [...labelNames, 'grpc_code'] as const,
    registers,
    collect() {
      this.reset();
      for (const [path, { handled }] of methods) {
        for (const [code, count] of handled) this.inc({ grpc_method: path, grpc_code: Status[code] }, count);
      }
    },
  });
  new Gauge({
    name: 'grpc_server_in_flight',
    help: 'Calls running now.',
    labelNames,
    registers,
    collect() {
      for (const [path, { started, ended }] of methods) this.set({ grpc_method: path }, started - ended);
    },
  });
  counter('grpc_server_msg_received_total', 'Messages received.', ({ received }) => received);
  counter('grpc_server_msg_sent_total', 'Messages written.', ({ sent }) => sent);
  return new Histogram({
    name: 'grpc_server_handling_seconds',
    help: 'Duration of calls.',
    labelNames,
    buckets: SECONDS,
    registers,
  });
}
