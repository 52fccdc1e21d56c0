import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { ServerMiddleware } from 'nice-grpc-common';
import { DomainError, isDomainError } from '../domain/errors.js';
import { mapEach } from '../streams/take-each.js';
import { decodeUtf8 } from '../store/encoding/utf8.js';
import type { CallRecord } from './call-record.js';
import type { BoundaryContext } from './call-boundary.js';

interface MessageType<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(input: BinaryReader | Uint8Array): T;
  fromPartial(object: object): T;
}

/** A service as ts-proto generates it. */
export interface GeneratedService {
  readonly name: string;
  readonly fullName: string;
  readonly methods: Readonly<Record<string, GeneratedMethod>>;
}

interface GeneratedMethod {
  readonly name: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a method of any types: they are inferred from it.
  readonly requestType: MessageType<any>;
  readonly requestStream: boolean;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly responseType: MessageType<any>;
  readonly responseStream: boolean;
  readonly options: object;
}

/** Own functions in place of the generated ones, for the hot path. */
export interface CodecOverride {
  /** Whatever it throws is INVALID_ARGUMENT (reason MALFORMED_MESSAGE), but for a DomainError, which is passed on. */
  readonly requestDeserialize?: (bytes: Uint8Array) => unknown;
  /** The bytes may be shared between calls; they are only read. */
  readonly responseSerialize?: (response: never) => Uint8Array;
}

export type CodecOverrides<S extends GeneratedService> = { readonly [M in keyof S['methods']]?: CodecOverride };

type RequestOf<M, O> = O extends { requestDeserialize: (bytes: Uint8Array) => infer R }
  ? R
  : M extends { requestType: { decode(input: Uint8Array): infer R } }
    ? R
    : never;

type ResponseOf<M, O> = O extends { responseSerialize: (response: infer R) => Uint8Array }
  ? R
  : M extends { responseType: { fromPartial(object: infer R): unknown } }
    ? R
    : never;

interface WireType<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
  fromPartial?: undefined;
}

/** In the shape of a generated service, with the types that the handlers see. */
export interface StrictService<S extends GeneratedService, O> {
  name: string;
  fullName: string;
  methods: {
    [M in keyof S['methods']]: {
      name: string;
      requestType: WireType<RequestOf<S['methods'][M], M extends keyof O ? O[M] : undefined>>;
      requestStream: S['methods'][M]['requestStream'];
      responseType: WireType<ResponseOf<S['methods'][M], M extends keyof O ? O[M] : undefined>>;
      responseStream: S['methods'][M]['responseStream'];
      options: object;
    };
  };
}

/**
 * A generated service, made strict: messages that are not well-formed, broken UTF-8 included, are INVALID_ARGUMENT
 * with the cause in words. Between transport and middleware messages stay bytes: what throws inside grpc-js becomes
 * INTERNAL, and only the middleware knows which call the bytes belong to.
 */
export interface StrictCodec<S extends GeneratedService, O> {
  readonly definition: StrictService<S, O>;
  readonly middleware: ServerMiddleware<object, BoundaryContext>;
  /** By path, for methods that are called without nice-grpc. */
  readonly codecs: ReadonlyMap<string, Codec>;
}

export function withStrictCodec<S extends GeneratedService, const O extends CodecOverrides<S>>(
  service: S,
  overrides?: O,
): StrictCodec<S, O> {
  const codecs = new Map<string, Codec>();
  const methods: Record<string, unknown> = {};
  for (const [key, method] of Object.entries(service.methods)) {
    methods[key] = { ...method, requestType: asBytes, responseType: asBytes };
    codecs.set(`/${service.fullName}/${method.name}`, codecOf(method, overrides?.[key]));
  }
  const definition = { name: service.name, fullName: service.fullName, methods } as StrictService<S, O>;
  return { definition, middleware: codecMiddleware(codecs), codecs };
}

export interface Codec {
  decode(bytes: Uint8Array): unknown;
  encode(message: never): Uint8Array;
}

/**
 * A message on its way through nice-grpc, which holds it until the next one comes: it lets go of its bytes when they are
 * taken, or every client that does not read, or stops sending, would cost one message more.
 */
interface Encoded {
  bytes: Uint8Array;
  /** Of a request: called when its bytes are taken. */
  onTaken?: (() => void) | undefined;
}

/** Calls `onTaken` when the handler takes this request; false, and it never does, for one of a service with a codec of its own. */
export function notifyWhenTaken(message: unknown, onTaken: () => void): boolean {
  const isEncoded = typeof message === 'object' && message !== null && 'onTaken' in message;
  if (isEncoded) (message as Encoded).onTaken = onTaken;
  return isEncoded;
}

/** The bytes of a request message as the transport sees it; 0 for one of a service with a codec of its own. */
export function requestSize(message: unknown): number {
  return (message as Partial<Encoded>).bytes?.byteLength ?? 0;
}

const NOTHING = new Uint8Array();

function takeBytes(encoded: Encoded): Uint8Array {
  const { bytes } = encoded;
  encoded.bytes = NOTHING;
  encoded.onTaken?.();
  return bytes;
}

/** nice-grpc copies what such a type decodes not at all, and what it encodes only if it is a view (`Buffer.from`). */
const asBytes = {
  decode: (bytes: Uint8Array): Encoded => ({ bytes, onTaken: undefined }),
  encode: (encoded: Encoded) => ({
    finish: () => {
      const bytes = takeBytes(encoded);
      return bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes;
    },
  }),
};

function codecOf(method: GeneratedMethod, override: CodecOverride = {}): Codec {
  const { requestType, responseType } = method;
  return {
    decode:
      override.requestDeserialize ?? ((bytes): unknown => requestType.decode(new BinaryReader(bytes, decodeUtf8))),
    encode:
      override.responseSerialize ??
      ((message: object) => responseType.encode(responseType.fromPartial(message)).finish()),
  };
}

function codecMiddleware(codecs: ReadonlyMap<string, Codec>): ServerMiddleware<object, BoundaryContext> {
  return (call, context) => {
    const codec = codecs.get(call.method.path);
    if (codec === undefined) return call.next(call.request, context);
    const decode = (message: unknown) => decodeRequest(codec, message, context.record);
    const encode = (message: unknown) => encodeResponse(codec, message, context.record);
    const request = call.requestStream ? mapEach(call.request, decode) : decode(call.request);
    const responses = call.next(request as typeof call.request, context);
    return mapResponses(responses, encode) as typeof responses;
  };
}

/** The request that the transport received. Throws `invalid` for bytes that are none. */
export function decodeRequest(codec: Codec, message: unknown, record: CallRecord): unknown {
  const bytes = takeBytes(message as Encoded);
  record.bytesIn += bytes.byteLength;
  try {
    return codec.decode(bytes);
  } catch (error) {
    if (isDomainError(error)) throw error;
    throw malformed(wordsOf(error));
  }
}

/** The response as the transport sends it. */
export function encodeResponse(codec: Codec, message: unknown, record: CallRecord): Encoded {
  const bytes = codec.encode(message as never);
  record.bytesOut += bytes.byteLength;
  return { bytes };
}

function wordsOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'a string is not valid UTF-8';
  return message ?? 'it is not a protobuf message';
}

export function malformed(cause: string): DomainError {
  return new DomainError('invalid', 'MALFORMED_MESSAGE', `the request message cannot be decoded: ${cause}`);
}

async function* mapResponses(
  responses: AsyncGenerator<unknown, unknown, undefined>,
  encode: (message: unknown) => unknown,
) {
  let result = await responses.next();
  try {
    while (!result.done) {
      yield encode(result.value);
      result = await responses.next();
    }
  } finally {
    if (!result.done) await responses.return(undefined);
  }
  return result.value === undefined ? undefined : encode(result.value);
}
