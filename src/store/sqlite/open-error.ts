import path from 'node:path';
import { DomainError, isDomainError } from '../../domain/errors.js';
import { probeWrite } from './probe-write.js';
import { isDiskFull } from './sqlite-errors.js';

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
  if (isDiskFull(error) || lacksInodes(code, dataDir)) return noRoomToStart(error, code, dataDir);
  return new DomainError(
    'precondition',
    'DATA_DIR_UNUSABLE',
    `the data directory ${dataDir} cannot be used (${code}: ${(error as Error).message}): ` +
      'make it a directory that can be written to, or name another one with --data-dir',
    { metadata: { code }, cause: error },
  );
}

function noRoomToStart(cause: unknown, code: string, dataDir: string): DomainError {
  return new DomainError(
    'precondition',
    'DATA_DIR_FULL',
    `the disk of the data directory ${dataDir} is full (${code}), and this start has to write to it: free at least ` +
      '1 MiB, and some inodes, then start again; nothing that was acknowledged is lost',
    { metadata: { code }, cause },
  );
}

/** SQLite does not say why it cannot make a file. */
function lacksInodes(code: string, dataDir: string): boolean {
  return code.startsWith('SQLITE_CANTOPEN') && isDiskFull({ code: probeWrite(path.join(dataDir, 'leat.db')) });
}
