import { EventEmitter, on } from 'node:events';
import { type ServiceImplementation, createServer } from 'nice-grpc';
import type { Event } from '../../gen/leat/v1/event.js';
import {
  GetUserResponse,
  type User,
  UserServiceDefinition,
  type UserServiceImplementation,
} from '../../gen/leat/v1/user_service.js';
import { sampleEvent } from '../load/events.js';
import { openDatabase } from '../peers/open-database.js';
import { PlainEventsDefinition } from '../peers/plain-definition.js';
import { createPlainTable } from '../peers/plain-table.js';
import { playRole, roleOptions } from '../processes/play-role.js';
import { cpuSeconds } from '../processes/usage.js';

export interface PlainServerOptions {
  readonly dataDir: string;
}

/** The same service with nice-grpc as its documentation shows it: one event a message, one row each. */
async function startPlainServer({ dataDir }: PlainServerOptions) {
  const db = openDatabase(dataDir);
  const table = createPlainTable(db);
  const emitter = new EventEmitter().setMaxListeners(0);
  let emitted = 0n;
  let user: User | undefined;

  const handlers: ServiceImplementation<typeof PlainEventsDefinition> = {
    async publish(events) {
      let accepted = 0n;
      for await (const event of events) {
        table.insert(event);
        accepted++;
      }
      return { accepted };
    },
    async publishAtOnce(events) {
      let accepted = 0n;
      db.exec('BEGIN IMMEDIATE');
      try {
        for await (const event of events) {
          table.insert(event);
          accepted++;
        }
        db.exec('COMMIT');
      } finally {
        if (db.inTransaction) db.exec('ROLLBACK');
      }
      return { accepted };
    },
    async *list() {
      yield* table.after(0);
    },
    async emit(event) {
      emitter.emit('event', event, ++emitted);
      return { offset: emitted };
    },
    async storeAndEmit(event) {
      table.insert(event);
      emitter.emit('event', event, ++emitted);
      return { offset: emitted };
    },
    async *talk(events, context) {
      // As below.
      context.header.set('talking', 'true');
      context.sendHeader();
      for await (const event of events) yield { event };
    },
    async *watch(_, context) {
      const { signal, header } = context;
      const events = on(emitter, 'event', { signal });
      // nice-grpc sends no empty header, and a reader should know that it is there.
      header.set('watching', 'true');
      context.sendHeader();
      for await (const [event, offset] of events as AsyncIterable<[Event, bigint]>) yield { offset, event };
    },
  };

  const { getUser } = UserServiceDefinition.methods;
  const users: Pick<UserServiceImplementation, 'getUser'> = { getUser: async () => ({ user }) };

  const server = createServer();
  server.add(PlainEventsDefinition, handlers);
  server.add({ ...UserServiceDefinition, methods: { getUser } }, users);
  const port = await server.listen('127.0.0.1:0');
  return {
    port: () => port,
    cpuSeconds,
    residentBytes: () => process.memoryUsage.rss(),
    /** What GetUser answers from now on: an encoded GetUserResponse. */
    answerWith: (bytes: Uint8Array) => void (user = GetUserResponse.decode(bytes).user),
    fill: db.transaction((count: number) => {
      for (let index = 0; index < count; index++) table.insert(sampleEvent(index));
    }) as (count: number) => void,
  };
}

export type PlainServerRole = Awaited<ReturnType<typeof startPlainServer>>;

playRole(await startPlainServer(roleOptions()));
