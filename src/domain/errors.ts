/**
 * What can go wrong, said without gRPC. One table (middleware/error-mapping.ts) turns a kind into a status and details.
 *
 * | kind              | status                                   |
 * |-------------------|------------------------------------------|
 * | invalid           | INVALID_ARGUMENT + BadRequest            |
 * | unauthenticated   | UNAUTHENTICATED                          |
 * | forbidden         | PERMISSION_DENIED                        |
 * | not-found         | NOT_FOUND + ResourceInfo                 |
 * | exists            | ALREADY_EXISTS                           |
 * | conflict          | ABORTED, the current value in metadata   |
 * | out-of-range      | OUT_OF_RANGE, the right one in metadata  |
 * | precondition      | FAILED_PRECONDITION + PreconditionFailure|
 * | exhausted         | RESOURCE_EXHAUSTED + RetryInfo           |
 * | unavailable       | UNAVAILABLE + RetryInfo                  |
 * | data-loss         | DATA_LOSS                                |
 */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'exists'
  | 'conflict'
  | 'out-of-range'
  | 'precondition'
  | 'exhausted'
  | 'unavailable'
  | 'data-loss';

/** google.rpc.Code of each kind. */
export const codeOfKind: Readonly<Record<ErrorKind, number>> = {
  invalid: 3,
  'not-found': 5,
  exists: 6,
  forbidden: 7,
  exhausted: 8,
  precondition: 9,
  conflict: 10,
  'out-of-range': 11,
  unavailable: 14,
  'data-loss': 15,
  unauthenticated: 16,
};

/** One field that is wrong: `field` is its path as in the proto, for example `events[3].attributes["A"]`. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

export interface ErrorOptions {
  /** Current values that help the caller, for example `{first_offset: '17'}`; they become ErrorInfo.metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly FieldViolation[];
  /** What is missing or exists: `{type: 'leat.v1.User', name: 'ada'}`. */
  readonly resource?: { readonly type: string; readonly name: string };
  /**
   * When to try again, in milliseconds; null: trying again will not help. Default: 1,000 for `exhausted` and
   * `unavailable`, none for the others.
   */
  readonly retryAfterMs?: number | null;
  /** A message that goes with the error as a further google.rpc.Status detail. */
  readonly detail?: { readonly typeName: string; readonly value: Uint8Array };
  readonly cause?: unknown;
}

/** Thrown by every layer below the middleware; everything else that is thrown is a bug and becomes INTERNAL. */
export class DomainError extends Error {
  override readonly name = 'DomainError';

  constructor(
    readonly kind: ErrorKind,
    /** Stable, UPPER_SNAKE_CASE; ErrorInfo.reason. */
    readonly reason: string,
    /** For people: what was wrong and what to do next. */
    message: string,
    readonly options: ErrorOptions = {},
  ) {
    super(message, { cause: options.cause });
  }

  /** The same error with a further detail message. */
  withDetail(typeName: string, value: Uint8Array): DomainError {
    return new DomainError(this.kind, this.reason, this.message, { ...this.options, detail: { typeName, value } });
  }
}

const RETRY_AFTER_MS = 1_000;

/** When to try again, in milliseconds; undefined: trying again will not help. */
export function retryAfterMsOf({ kind, options }: DomainError): number | undefined {
  const isPassing = kind === 'exhausted' || kind === 'unavailable';
  if (options.retryAfterMs === null) return undefined;
  return options.retryAfterMs ?? (isPassing ? RETRY_AFTER_MS : undefined);
}

/** True for errors of this family, from whatever copy of the module (jest has one for every test file). */
export function isDomainError(error: unknown): error is DomainError {
  return error instanceof Error && error.name === 'DomainError';
}

/** All violations at once. Throws nothing if there are none. */
export function throwViolations(violations: readonly FieldViolation[]): void {
  if (violations.length > 0) throw invalid(violations);
}

export function invalid(violations: readonly FieldViolation[], reason = 'INVALID_FIELD'): DomainError {
  const [first] = violations;
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : '';
  return new DomainError('invalid', reason, `${first?.field ?? 'request'}: ${first?.description ?? 'invalid'}${more}`, {
    violations,
  });
}

export function notFound(reason: string, type: string, name: string): DomainError {
  return new DomainError('not-found', reason, `${type.split('.').at(-1)} "${name}" does not exist`, {
    resource: { type, name },
  });
}

/** A plain form that survives structuredClone, for crossing a thread. */
export interface PlainDomainError {
  readonly kind: ErrorKind;
  readonly reason: string;
  readonly message: string;
  readonly options: ErrorOptions;
}

export function toPlainError(error: DomainError): PlainDomainError {
  const { cause: _cause, ...options } = error.options;
  return { kind: error.kind, reason: error.reason, message: error.message, options };
}

export function fromPlainError(plain: PlainDomainError): DomainError {
  return new DomainError(plain.kind, plain.reason, plain.message, plain.options);
}
