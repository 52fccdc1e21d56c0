import { readFileSync } from 'node:fs';
import { type DescMessage, type Registry, createFileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** Another implementation of protobuf, over the descriptor set that the service ships: what any other client sees. */
export const registry: Registry = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, readFileSync(new URL('../../../gen/leat.binpb', import.meta.url))),
);

export function messageDesc(typeName: string): DescMessage {
  const desc = registry.getMessage(typeName);
  if (!desc) throw new Error(`no message is called ${typeName}`);
  return desc;
}

/** The message as the other implementation understood it, encoded anew, without what it did not know. */
export function reencoded(typeName: string, bytes: Uint8Array): Uint8Array {
  const desc = messageDesc(typeName);
  return toBinary(desc, fromBinary(desc, bytes, { readUnknownFields: false }));
}
