/** What the command line exits with. `leat --help` lists them. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  notFound: 4,
  conflict: 5,
  interrupted: 130,
} as const;

/** A failure whose text is meant for the user as it is: what was wrong and what to do, on one line. */
export class CliError extends Error {
  override readonly name = 'CliError';

  constructor(
    message: string,
    readonly exitCode: number = exitCodes.failed,
    /** Further lines, printed indented below the message. */
    readonly notes: readonly string[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The text of whatever was thrown. Errors of Node's own are no `Error` of ours in every environment. */
export function messageOf(error: unknown): string {
  const { message } = Object(error) as { readonly message?: unknown };
  return typeof message === 'string' ? message : String(error);
}

/** Wrong flags, arguments or input: nothing was sent because of them. */
export function usageError(message: string): CliError {
  return new CliError(message, exitCodes.usage);
}
