import { readFileSync } from 'node:fs';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';

/** A .proto file of the descriptor set. */
export interface ProtoFile {
  readonly name: string;
  /** The encoded google.protobuf.FileDescriptorProto. */
  readonly bytes: Uint8Array;
  /** Names of the files that it imports itself. */
  readonly imports: readonly string[];
}

/** Looks up the files of a descriptor set; undefined if there is no such file. */
export interface Descriptors {
  byName(name: string): ProtoFile | undefined;
  /** `symbol`: fully-qualified name of anything that is declared. */
  bySymbol(symbol: string): ProtoFile | undefined;
  byExtension(extendee: string, number: number): ProtoFile | undefined;
  /** Ascending; undefined if no message has that name. */
  extensionNumbers(extendee: string): readonly number[] | undefined;
}

/** The descriptor set with imports, beside dist/ both in a clone and in an installed package. */
const protoset = new URL('../../../gen/leat.binpb', import.meta.url);

export function readDescriptors(): Descriptors {
  return indexDescriptors(readFileSync(protoset));
}

/** `set`: an encoded google.protobuf.FileDescriptorSet that holds all imports. */
export function indexDescriptors(set: Uint8Array): Descriptors {
  const files = new Map<string, ProtoFile>();
  const symbols = new Map<string, ProtoFile>();
  const messages = new Set<string>();
  const extensions = new Map<string, Map<number, ProtoFile>>();
  for (const proto of fromBinary(FileDescriptorSetSchema, set).file) {
    const file = { name: proto.name, bytes: toBinary(FileDescriptorProtoSchema, proto), imports: proto.dependency };
    const found = declarationsOf(proto);
    files.set(file.name, file);
    for (const symbol of found.symbols) symbols.set(symbol, file);
    for (const message of found.messages) messages.add(message);
    for (const { extendee, number } of found.extensions) {
      const numbers = extensions.get(extendee.slice(1)) ?? new Map<number, ProtoFile>();
      extensions.set(extendee.slice(1), numbers.set(number, file));
    }
  }
  return {
    byName: (name) => files.get(name),
    bySymbol: (symbol) => symbols.get(symbol),
    byExtension: (extendee, number) => extensions.get(extendee)?.get(number),
    extensionNumbers(extendee) {
      if (!messages.has(extendee)) return undefined;
      return [...(extensions.get(extendee)?.keys() ?? [])].sort((a, b) => a - b);
    },
  };
}

/** What a file declares, by fully-qualified name. */
interface Declarations {
  readonly symbols: string[];
  readonly messages: string[];
  readonly extensions: FieldDescriptorProto[];
}

function declarationsOf(file: FileDescriptorProto): Declarations {
  const found: Declarations = { symbols: [], messages: [], extensions: [] };
  const scope = file.package === '' ? '' : `${file.package}.`;
  for (const service of file.service) {
    found.symbols.push(scope + service.name, ...service.method.map(({ name }) => `${scope}${service.name}.${name}`));
  }
  addScope({ messages: file.messageType, enums: file.enumType, extensions: file.extension }, scope, found);
  return found;
}

/** What may be declared in a file and in a message. */
interface Scope {
  readonly messages: readonly DescriptorProto[];
  readonly enums: readonly EnumDescriptorProto[];
  readonly extensions: readonly FieldDescriptorProto[];
}

function addScope({ messages, enums, extensions }: Scope, scope: string, found: Declarations): void {
  for (const message of messages) addMessage(message, scope, found);
  for (const { name, value } of enums) {
    // The values of an enum are declared beside it, as in C++.
    found.symbols.push(scope + name, ...value.map((one) => scope + one.name));
  }
  for (const extension of extensions) {
    found.symbols.push(scope + extension.name);
    found.extensions.push(extension);
  }
}

function addMessage(message: DescriptorProto, scope: string, found: Declarations): void {
  const name = scope + message.name;
  found.symbols.push(name);
  found.messages.push(name);
  for (const { name: member } of [...message.field, ...message.oneofDecl]) found.symbols.push(`${name}.${member}`);
  const inner = { messages: message.nestedType, enums: message.enumType, extensions: message.extension };
  addScope(inner, `${name}.`, found);
}
