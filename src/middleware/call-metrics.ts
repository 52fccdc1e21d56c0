import { Status } from 'nice-grpc-common';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { codeOf } from './call-log.js';
import type { CallObserver } from './call-records.js';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600];

/** Counts calls into `registry`, by method and status. Names follow the gRPC ecosystem's Prometheus conventions. */
export function createCallMetrics(registry: Registry): CallObserver {
  const registers = [registry];
  const labelNames = ['grpc_method'];
  const help = (text: string) => ({ help: text, registers });
  const started = new Counter({ name: 'grpc_server_started_total', labelNames, ...help('Calls begun.') });
  const handled = new Counter({
    name: 'grpc_server_handled_total',
    labelNames: [...labelNames, 'grpc_code'],
    ...help('Calls ended, by status.'),
  });
  const seconds = new Histogram({
    name: 'grpc_server_handling_seconds',
    labelNames,
    buckets: SECONDS,
    ...help('Duration of calls.'),
  });
  const inFlight = new Gauge({ name: 'grpc_server_in_flight', labelNames, ...help('Calls running now.') });
  const received = new Counter({ name: 'grpc_server_msg_received_total', labelNames, ...help('Messages received.') });
  const sent = new Counter({ name: 'grpc_server_msg_sent_total', labelNames, ...help('Messages written.') });

  return {
    started({ path }) {
      started.inc({ grpc_method: path });
      inFlight.inc({ grpc_method: path });
    },
    ended(record) {
      const labels = { grpc_method: record.path };
      inFlight.dec(labels);
      handled.inc({ ...labels, grpc_code: Status[codeOf(record)] });
      seconds.observe(labels, (performance.now() - record.startedAt) / 1000);
      received.inc(labels, record.messagesIn);
      sent.inc(labels, record.messagesOut);
    },
  };
}
