import { DomainError, isDomainError } from '../../domain/errors.js';

/** The code of an error of the file system, for example ENOSPC; empty for other errors. */
export function fileCode(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : '';
}

/** What a failed operation on a file means to callers; what is no error of the file system comes back as it is. */
export function byteError(error: unknown): unknown {
  const code = fileCode(error);
  if (code === '' || isDomainError(error)) return error;
  if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code)) {
    const full = { retryAfterMs: null, cause: error };
    return new DomainError('exhausted', 'DISK_FULL', 'the disk is full: free space and try again', full);
  }
  const options = { retryAfterMs: 5000, cause: error };
  if (['EROFS', 'EACCES', 'EPERM'].includes(code)) {
    const message = 'the data directory cannot be written to: make it writable and try again';
    return new DomainError('unavailable', 'STORE_READ_ONLY', message, options);
  }
  const message = `a file cannot be read or written (${code}): try again`;
  return new DomainError('unavailable', 'STORE_UNREADABLE', message, options);
}

/** The error of a file that is not there or too short. */
export function bytesMissing(fileId: string): DomainError {
  return new DomainError('data-loss', 'STORE_DAMAGED', `file ${fileId} misses bytes: restore a backup, or upload anew`);
}

/** The answer after `close`. */
export function byteStoreClosed(): DomainError {
  return new DomainError('unavailable', 'STORE_CLOSED', 'the store is closed: the server is stopping, try again');
}
