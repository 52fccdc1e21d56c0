import { DomainError, isDomainError } from '../../domain/errors.js';
import { probeWrite } from './probe-write.js';

/** SQLite's extended result code, for example SQLITE_FULL; empty for other errors. */
export function sqliteCode(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code.startsWith('SQLITE_') ? code : '';
}

/**
 * What a failed write to the database `file` means to callers; undefined if it leaves the outcome unknown (an I/O error,
 * a damaged file), after which the process must end and recover as after `kill -9`.
 */
export function recoverableWriteError(error: unknown, file: string): DomainError | undefined {
  if (isDomainError(error)) return error;
  const code = sqliteCode(error);
  if (code === 'SQLITE_FULL') return diskFull(error);
  if (code.startsWith('SQLITE_READONLY') || code.startsWith('SQLITE_CANTOPEN') || code === 'SQLITE_PERM') {
    return readOnly(error);
  }
  if (code.startsWith('SQLITE_BUSY')) {
    return new DomainError('unavailable', 'STORE_BUSY', 'the database is locked by another program: try again', {
      cause: error,
    });
  }
  // In WAL mode the frame that commits is written last and synced by a call of its own, with an error of its own: where
  // a write failed, nothing is committed.
  if (code === 'SQLITE_IOERR_WRITE') return whyUnwritable(file, error);
  return undefined;
}

/** Whether an error of SQLite or of the file system says that there is no room. */
export function isDiskFull(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  return /^SQLITE_(FULL|IOERR_SHMSIZE)$/.test(code) || NO_ROOM.includes(code);
}

const NO_ROOM = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/** SQLite knows one error for all failed writes but ENOSPC; the file system tells more. */
function whyUnwritable(file: string, cause: unknown): DomainError | undefined {
  const code = probeWrite(file);
  if (NO_ROOM.includes(code)) return diskFull(cause);
  return ['EROFS', 'EACCES', 'EPERM'].includes(code) ? readOnly(cause) : undefined;
}

/** The answer while there is no room for writes that do not free any. */
export function diskFull(cause?: unknown): DomainError {
  const message =
    'the disk is full, nothing was written: free space, or delete or trim what is not needed, then try again';
  return new DomainError('exhausted', 'DISK_FULL', message, { retryAfterMs: 5000, cause });
}

/** The answer while the service is read-only, because its disk was full when it started. */
export function fullAtStart(): DomainError {
  const message =
    'the disk was full when the service started, which is read-only until at least 1 MiB is free; nothing was written: ' +
    'free space on the disk of its data directory, then try again';
  return new DomainError('exhausted', 'DISK_FULL', message, { retryAfterMs: 5000 });
}

function readOnly(cause: unknown): DomainError {
  const message = 'the data directory cannot be written to, nothing was written: make it writable and try again';
  return new DomainError('unavailable', 'STORE_READ_ONLY', message, { retryAfterMs: 5000, cause });
}

/** The answer to callers whose write may or may not have happened. */
export function outcomeUnknown(cause?: unknown): DomainError {
  return new DomainError(
    'unavailable',
    'OUTCOME_UNKNOWN',
    'the write may or may not have happened: try again with the same id or sequence',
    { cause },
  );
}

/** The answer to callers after `close`. */
export function storeClosed(): DomainError {
  return new DomainError('unavailable', 'STORE_CLOSED', 'the store is closed: the server is stopping, try again');
}

/** What a failed read means to callers; what is no error of SQLite comes back as it is. */
export function readError(error: unknown): unknown {
  const code = sqliteCode(error);
  if (code.startsWith('SQLITE_CORRUPT') || code.startsWith('SQLITE_NOTADB')) {
    return new DomainError('data-loss', 'STORE_DAMAGED', 'the database file is damaged: restore a backup', {
      cause: error,
    });
  }
  if (code.startsWith('SQLITE_')) {
    return new DomainError('unavailable', 'STORE_UNREADABLE', `the database cannot be read (${code}): try again`, {
      cause: error,
    });
  }
  return error;
}

/** The answer when too much waits for the disk already. */
export function overloaded(): DomainError {
  return new DomainError('exhausted', 'OVERLOADED', 'too much is waiting for the disk: try again in a moment', {
    retryAfterMs: 200,
  });
}
