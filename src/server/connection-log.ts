import { Counter, Gauge, type Registry } from 'prom-client';
import type { LimitedLog } from '../middleware/limited-log.js';
import type { Connection } from './connection.js';
import type { CloseReason } from './connection.js';
import type { ConnectionObserver } from './connections.js';

/** Reasons that are part of normal operation, or have a log line of their own; they are counted, and not logged. */
const quiet: ReadonlySet<CloseReason> = new Set(['client', 'lost', 'idle', 'max-age', 'receive-budget', 'shutdown']);

export interface ConnectionLog extends ConnectionObserver {
  /** A call was refused because there are too many. */
  refusedCall(connection: Connection, reason: string): void;
  /** A unary response was dropped, because clients do not read more of them than may wait. */
  droppedResponse(connection: Connection | undefined): void;
}

/** Logs and counts what happens to connections, and calls that are refused before anything is known of them. */
export function createConnectionLog(log: LimitedLog, registry: Registry): ConnectionLog {
  const registers = [registry];
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames: ['reason'], registers });
  const open = new Gauge({ name: 'leat_connections', help: 'Connections that are open.', registers });
  const closed = counter('leat_connections_closed_total', 'Connections closed, by reason.');
  const refused = counter(
    'leat_connections_refused_total',
    'Connections closed as soon as they were accepted, by reason.',
  );
  const acceptErrors = new Counter({
    name: 'leat_connection_accept_errors_total',
    help: 'Connections that could not be accepted.',
    registers,
  });
  const refusedCalls = counter('leat_calls_refused_total', 'Calls refused before their handler ran, by reason.');
  const droppedResponses = new Counter({
    name: 'leat_unread_responses_dropped_total',
    help: 'Unary responses that were dropped: clients did not read them, and others exceeded unread-response-budget.',
    registers,
  });

  return {
    opened: () => open.inc(),

    closed({ address }, reason, detail) {
      open.dec();
      closed.inc({ reason });
      if (quiet.has(reason)) return;
      const fields = { peer: address, reason, error: detail || undefined };
      log.write('warn', `closed ${address} ${reason}`, fields, `connection closed: ${reason}`);
    },

    refused(address) {
      refused.inc({ reason: 'too-many' });
      const fields = { peer: address, reason: 'too-many' };
      log.write('warn', 'refused', fields, 'connection refused: there are as many as max-connections allows');
    },

    acceptFailed(error) {
      acceptErrors.inc();
      log.write('warn', 'accept failed', { error: error.message }, 'a gRPC connection could not be accepted');
    },

    dropped({ address }, calls) {
      refusedCalls.inc({ reason: 'HTTP2_LIMIT' }, calls);
      const message = 'HTTP/2 reset calls: their header fields are too large or too many, or there are too many calls';
      log.write('warn', `dropped ${address}`, { peer: address, calls }, message);
    },

    droppedResponse(connection) {
      droppedResponses.inc();
      const peer = connection?.address ?? 'unknown';
      const message =
        'reset a unary call: its client does not read the response, and unread-response-budget is used up';
      log.write('warn', `unread ${peer}`, { peer }, message);
    },

    refusedCall({ address }, reason) {
      refusedCalls.inc({ reason });
      log.write('warn', `refused ${address} ${reason}`, { peer: address, reason }, `call refused: ${reason}`);
    },
  };
}
