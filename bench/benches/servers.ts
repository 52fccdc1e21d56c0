import type { Scope } from '../harness/scope.js';
import { type Role, startRole } from '../processes/start-role.js';
import { temporaryFolder } from '../processes/temporary-folder.js';
import type { LeatServerOptions, LeatServerRole } from '../roles/leat-server.js';
import type { LoadOptions, LoadRole } from '../roles/load.js';
import type { PlainServerOptions, PlainServerRole } from '../roles/plain-server.js';

/** A server of its own process and folder, and a load generator of another process. */
export interface Pair<S> {
  readonly server: S;
  readonly load: Role<LoadRole>;
}

export async function startLeat(
  scope: Scope,
  flags?: LeatServerOptions['flags'],
  nodeArguments?: readonly string[],
): Promise<Role<LeatServerRole>> {
  const { path: dataDir } = await scope.use(temporaryFolder());
  const options: LeatServerOptions = { dataDir, flags };
  return scope.use(startRole<LeatServerRole>('leat-server', options, nodeArguments));
}

export async function startPlain(scope: Scope): Promise<Role<PlainServerRole>> {
  const { path: dataDir } = await scope.use(temporaryFolder());
  return scope.use(startRole<PlainServerRole>('plain-server', { dataDir } satisfies PlainServerOptions));
}

export async function startLoad(scope: Scope, port: number): Promise<Role<LoadRole>> {
  return scope.use(startRole<LoadRole>('load', { port } satisfies LoadOptions));
}

export async function leatWithLoad(scope: Scope): Promise<Pair<Role<LeatServerRole>>> {
  const server = await startLeat(scope);
  return { server, load: await startLoad(scope, await server.ask('port')) };
}

export async function plainWithLoad(scope: Scope): Promise<Pair<Role<PlainServerRole>>> {
  const server = await startPlain(scope);
  return { server, load: await startLoad(scope, await server.ask('port')) };
}
