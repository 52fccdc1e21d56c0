/** What a role does when it is asked to: each takes one structured-clonable argument and answers one. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- commands of any argument: callers infer it from the role.
export type Commands = Record<string, (argument: any) => unknown>;

export interface RoleRequest {
  readonly id: number;
  readonly command: string;
  readonly argument: unknown;
}

export type RoleReply = { readonly id: number } & ({ readonly result: unknown } | { readonly error: string });

/** The child's side: obeys the process that started it, and ends with it. */
export function playRole(commands: Commands): void {
  process.on('message', (request: RoleRequest) => void obey(commands, request));
  process.on('disconnect', () => process.exit());
  process.send?.({ id: 0, result: undefined } satisfies RoleReply);
}

/** The options that the role was started with. */
export function roleOptions<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T;
}

async function obey(commands: Commands, { id, command, argument }: RoleRequest): Promise<void> {
  process.send?.(await replyOf(commands, id, command, argument));
}

async function replyOf(commands: Commands, id: number, command: string, argument: unknown): Promise<RoleReply> {
  try {
    return { id, result: await commands[command]?.(argument) };
  } catch (error) {
    return { id, error: (error as Error).stack ?? String(error) };
  }
}
