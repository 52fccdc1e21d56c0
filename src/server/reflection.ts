import { readFile } from 'node:fs/promises';
import { ServerReflection, ServerReflectionService } from 'nice-grpc-server-reflection';
import type { LeatServer } from './served-service.js';

/** The descriptor set with imports, beside dist/ both in a clone and in an installed package. */
const protoset = new URL('../../../gen/leat.binpb', import.meta.url);

/** grpc.reflection.v1: lets tools such as `buf curl` and grpcurl call the services without a copy of the contract. */
export async function addReflection(server: LeatServer, services: readonly string[]): Promise<void> {
  server.add(ServerReflectionService, ServerReflection(await readFile(protoset), services));
}
