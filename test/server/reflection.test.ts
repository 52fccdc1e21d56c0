import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { HealthDefinition } from '../../gen/grpc/health/v1/health.js';
import {
  type DeepPartial,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionDefinition,
} from '../../gen/grpc/reflection/v1/reflection.js';
import { ServerReflectionDefinition as V1AlphaDefinition } from '../../gen/grpc/reflection/v1alpha/reflection.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';
import { connectRaw, frame } from '../support/raw-http2.js';

let leat: LeatServer;
beforeAll(async () => {
  leat = await startLeat();
});
afterAll(() => leat[Symbol.asyncDispose]());

type Request = DeepPartial<ServerReflectionRequest>['messageRequest'];

async function* all(requests: readonly Request[]) {
  for (const messageRequest of requests) yield { host: 'h', messageRequest };
}

/** The responses to these requests, on one stream. */
async function reflect(definition: typeof ServerReflectionDefinition, ...requests: readonly Request[]) {
  const responses: ServerReflectionResponse[] = [];
  for await (const response of leat.client(definition).serverReflectionInfo(all(requests))) responses.push(response);
  return responses;
}

/** Names of the files in a response. */
function filesIn(response: ServerReflectionResponse | undefined): string[] {
  if (response?.messageResponse?.$case !== 'fileDescriptorResponse') throw new Error(JSON.stringify(response));
  const { fileDescriptorProto } = response.messageResponse.value;
  return fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

const symbol = (value: string) => ({ $case: 'fileContainingSymbol', value }) as const;
const file = (value: string) => ({ $case: 'fileByFilename', value }) as const;

/** The messages are the same; only the path of the method differs. */
const v1alpha = V1AlphaDefinition as unknown as typeof ServerReflectionDefinition;

describe.each([
  ['v1', ServerReflectionDefinition],
  ['v1alpha', v1alpha],
])('reflection %s', (_, definition) => {
  it('lists all services, health and reflection included', async () => {
    const [response] = await reflect(definition, { $case: 'listServices', value: '*' });
    expect(response).toMatchObject({ validHost: 'h', originalRequest: { host: 'h' } });
    expect(response?.messageResponse).toEqual({
      $case: 'listServicesResponse',
      value: {
        service: [
          'grpc.health.v1.Health',
          'grpc.reflection.v1.ServerReflection',
          'grpc.reflection.v1alpha.ServerReflection',
          'leat.v1.BlobService',
          'leat.v1.ChatService',
          'leat.v1.EventService',
          'leat.v1.UploadService',
          'leat.v1.UserService',
        ].map((name) => ({ name })),
      },
    });
  });

  it.each([
    ['a service', 'leat.v1.EventService', 'leat/v1/event_service.proto'],
    ['a method', 'leat.v1.EventService.PublishEvent', 'leat/v1/event_service.proto'],
    ['a message', 'leat.v1.Event', 'leat/v1/event.proto'],
    ['a field', 'leat.v1.Event.type', 'leat/v1/event.proto'],
    ['a oneof', 'leat.v1.Event.payload', 'leat/v1/event.proto'],
    ['a nested message', 'leat.v1.Event.AttributesEntry', 'leat/v1/event.proto'],
    ['an enum', 'leat.v1.TailState', 'leat/v1/event.proto'],
    ['an enum value', 'leat.v1.TAIL_STATE_COMPLETE', 'leat/v1/event.proto'],
    ['a nested enum', 'grpc.health.v1.HealthCheckResponse.ServingStatus', 'grpc/health/v1/health.proto'],
    ['a nested enum value', 'grpc.health.v1.HealthCheckResponse.SERVING', 'grpc/health/v1/health.proto'],
    ['an imported message', 'google.protobuf.Timestamp', 'google/protobuf/timestamp.proto'],
    [
      'its own service',
      definition.fullName,
      `${definition.fullName.split('.').slice(0, 3).join('/')}/reflection.proto`,
    ],
  ])('finds the file of %s', async (_kind, name, expected) => {
    const [response] = await reflect(definition, symbol(name));
    expect(filesIn(response)[0]).toBe(expected);
  });

  it('sends the imports of a file with it, each once per stream', async () => {
    const [first, second, third] = await reflect(
      definition,
      symbol('leat.v1.EventService'),
      file('leat/v1/chat_service.proto'),
      file('leat/v1/event.proto'),
    );
    expect(filesIn(first).slice(1).sort()).toEqual([
      'google/protobuf/duration.proto',
      'google/protobuf/field_mask.proto',
      'google/protobuf/timestamp.proto',
      'leat/v1/event.proto',
    ]);
    expect(filesIn(second)).toEqual(['leat/v1/chat_service.proto']);
    // What is asked for by name is sent again.
    expect(filesIn(third)).toEqual(['leat/v1/event.proto']);
  });

  it.each<[string, Request]>([
    ['file', file('leat/v1/none.proto')],
    ['symbol', symbol('leat.v1.None')],
    ['symbol', symbol('')],
    ['symbol', symbol('__proto__')],
    ['extension', { $case: 'fileContainingExtension', value: { containingType: 'leat.v1.Event', extensionNumber: 1 } }],
    ['message', { $case: 'allExtensionNumbersOfType', value: 'leat.v1.EventService' }],
  ])('answers NOT_FOUND for an unknown %s, and the stream goes on', async (kind, request) => {
    const [response, next] = await reflect(definition, request, symbol('leat.v1.Event'));
    expect(response?.originalRequest?.messageRequest).toEqual(request);
    expect(response?.messageResponse).toMatchObject({
      $case: 'errorResponse',
      value: { errorCode: 5, errorMessage: expect.stringContaining(`${kind} not found: `) },
    });
    expect(filesIn(next)[0]).toBe('leat/v1/event.proto');
  });

  it('answers that a message has no extensions', async () => {
    const [response] = await reflect(definition, { $case: 'allExtensionNumbersOfType', value: 'leat.v1.Event' });
    expect(response?.messageResponse).toEqual({
      $case: 'allExtensionNumbersResponse',
      value: { baseTypeName: 'leat.v1.Event', extensionNumber: [] },
    });
  });

  it('refuses a request that asks for nothing, and names that are too long', async () => {
    const refused = { code: 3, extra: [{ reason: 'INVALID_FIELD' }, {}] };
    await expect(reflect(definition, undefined)).rejects.toMatchObject(refused);
    await expect(reflect(definition, symbol('x'.repeat(1_025)))).rejects.toMatchObject(refused);
  });
});

describe('a message with a false length', () => {
  const reflectionMessages = ['0affffffff07', '0affffffff0f', '22ffffffff0f', '2a050affffff0f', '0a01ff'];
  const healthMessages = ['0affffffff07', '0affffffff0f', '0a01ff'];
  const attacks = [
    ...['v1', 'v1alpha'].flatMap((version) => {
      const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
      return reflectionMessages.map((message) => [path, message] as const);
    }),
    ...['Check', 'Watch'].flatMap((name) => {
      return healthMessages.map((message) => [`/grpc.health.v1.Health/${name}`, message] as const);
    }),
    ['/grpc.health.v1.Health/List', '0affffffff0f'] as const,
  ];

  it.each(attacks)('is refused at once while another call succeeds: %s of %s', async (path, message) => {
    await using connection = await connectRaw(leat.grpcPort);
    const attack = connection.call(path);
    attack.stream.end(frame(Buffer.from(message, 'hex')));
    const bystander = connection.call('/leat.v1.UserService/ListUsers');
    bystander.stream.end(frame(Buffer.alloc(0)));
    expect(await bystander.ended).toMatchObject({ status: 0 });
    expect(await attack.ended).toMatchObject({ status: 3, reason: 'MALFORMED_MESSAGE' });
  });
});

describe('reflection that is turned off', () => {
  it('is neither served nor listed', async () => {
    await using closed = await startLeat({ reflection: 'false' });
    await using connection = await connectRaw(closed.grpcPort);
    for (const { fullName } of [ServerReflectionDefinition, V1AlphaDefinition]) {
      const call = connection.call(`/${fullName}/ServerReflectionInfo`);
      call.stream.end(frame(Buffer.alloc(0)));
      expect(await call.ended).toMatchObject({ status: 12 });
    }
    await expect(closed.client(HealthDefinition).check({ service: '' })).resolves.toEqual({ status: 1 });
  });
});
