import type { CallContext } from 'nice-grpc-common';
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionDefinition,
} from '../../gen/grpc/reflection/v1/reflection.js';
import { ServerReflectionDefinition as V1AlphaDefinition } from '../../gen/grpc/reflection/v1alpha/reflection.js';
import { codeOfKind, invalid } from '../domain/errors.js';
import type { LeatCallContext } from '../middleware/call-context.js';
import { type Descriptors, type ProtoFile, readDescriptors } from './descriptors.js';
import { type ServedService, served } from './served-service.js';

/** Longest name that is looked up; no name in a .proto file comes near it. */
const NAME_MAX_LENGTH = 1_024;
/** Responses of a stream that wait for its client at a time. */
const MAX_WAITING = 2;

type Answer = ServerReflectionResponse['messageResponse'];

/**
 * grpc.reflection.v1, and v1alpha for older tools: lets `buf curl`, grpcurl or Postman call the services without a copy
 * of the contract. `services`: the names of all others, as `package.Service`.
 */
export function createReflection(services: readonly string[]): readonly ServedService[] {
  const names = [...services, ServerReflectionDefinition.fullName, V1AlphaDefinition.fullName].sort();
  const descriptors = readDescriptors();
  const serverReflectionInfo = (requests: AsyncIterable<ServerReflectionRequest>, context: Context) =>
    answerAll(requests, context, { names, descriptors });
  return [
    served(ServerReflectionDefinition, { serverReflectionInfo }),
    served(V1AlphaDefinition, { serverReflectionInfo }),
  ];
}

type Context = CallContext & LeatCallContext;

interface Reflected {
  readonly names: readonly string[];
  readonly descriptors: Descriptors;
}

async function* answerAll(
  requests: AsyncIterable<ServerReflectionRequest>,
  { outbox, signal }: Context,
  reflected: Reflected,
): AsyncGenerator<ServerReflectionResponse> {
  /** Names of files; there are no more than the descriptor set has. */
  const sent = new Set<string>();
  for await (const request of requests) {
    await outbox.waitUntilBelow(MAX_WAITING, signal);
    const messageResponse = answerOf(request, reflected, sent);
    yield { validHost: request.host, originalRequest: request, messageResponse };
  }
}

function answerOf(request: ServerReflectionRequest, { names, descriptors }: Reflected, sent: Set<string>): Answer {
  const { messageRequest: asked } = request;
  checkLength('host', request.host);
  switch (asked?.$case) {
    case 'fileByFilename':
      checkLength('file_by_filename', asked.value);
      return filesOf(descriptors.byName(asked.value), descriptors, sent) ?? notFound('file', asked.value);
    case 'fileContainingSymbol':
      checkLength('file_containing_symbol', asked.value);
      return filesOf(descriptors.bySymbol(asked.value), descriptors, sent) ?? notFound('symbol', asked.value);
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = asked.value;
      checkLength('file_containing_extension.containing_type', containingType);
      const file = descriptors.byExtension(containingType, extensionNumber);
      return filesOf(file, descriptors, sent) ?? notFound('extension', `${containingType} ${extensionNumber}`);
    }
    case 'allExtensionNumbersOfType':
      checkLength('all_extension_numbers_of_type', asked.value);
      return numbersOf(asked.value, descriptors) ?? notFound('message', asked.value);
    case 'listServices':
      checkLength('list_services', asked.value);
      return { $case: 'listServicesResponse', value: { service: names.map((name) => ({ name })) } };
    case undefined:
      throw invalid([{ field: 'message_request', description: 'is required: set one of its fields' }]);
    default:
      return asked satisfies never;
  }
}

/** The request is sent back with the answer, so its texts are bounded. */
function checkLength(field: string, name: string): void {
  if (name.length <= NAME_MAX_LENGTH) return;
  throw invalid([{ field, description: `has ${name.length} characters; at most ${NAME_MAX_LENGTH} are allowed` }]);
}

/** The file, then what it imports, directly or not, without what was sent before. */
function filesOf(file: ProtoFile | undefined, descriptors: Descriptors, sent: Set<string>): Answer {
  if (file === undefined) return undefined;
  // The requested file is always sent.
  sent.delete(file.name);
  const fileDescriptorProto: Uint8Array[] = [];
  const queue: (ProtoFile | undefined)[] = [file];
  for (const next of queue) {
    if (next === undefined || sent.has(next.name)) continue;
    sent.add(next.name);
    fileDescriptorProto.push(next.bytes);
    queue.push(...next.imports.map((name) => descriptors.byName(name)));
  }
  return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

function numbersOf(baseTypeName: string, descriptors: Descriptors): Answer {
  const extensionNumber = descriptors.extensionNumbers(baseTypeName);
  if (extensionNumber === undefined) return undefined;
  return { $case: 'allExtensionNumbersResponse', value: { baseTypeName, extensionNumber: [...extensionNumber] } };
}

function notFound(kind: string, name: string): Answer {
  return {
    $case: 'errorResponse',
    value: { errorCode: codeOfKind['not-found'], errorMessage: `${kind} not found: ${name}` },
  };
}
