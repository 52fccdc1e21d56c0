import { DomainError, isDomainError } from '../../domain/errors.js';

/** What an error while opening means to whoever started the server; a bug of ours comes back as it is. */
export function openError(error: unknown, dataDir: string): unknown {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  if (isDomainError(error) || typeof code !== 'string' || !/^(E[A-Z0-9]+|SQLITE_\w+)$/.test(code)) return error;
  if (code.startsWith('SQLITE_CORRUPT')) {
    return new DomainError(
      'data-loss',
      'STORE_DAMAGED',
      `the database in ${dataDir} is damaged (${code}): restore a backup, or name another directory with --data-dir`,
      { metadata: { code }, cause: error },
    );
  }
  return new DomainError(
    'precondition',
    'DATA_DIR_UNUSABLE',
    `the data directory ${dataDir} cannot be used (${code}: ${(error as Error).message}): ` +
      'make it a directory that can be written to, or name another one with --data-dir',
    { metadata: { code }, cause: error },
  );
}
