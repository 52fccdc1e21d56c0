import { Blob } from '../../gen/leat/v1/blob.js';
import { escapeJson, escapeText } from './escape-text.js';
import { formatTime } from './format-time.js';
import { formatBytes } from './progress.js';

/**
 * One blob as a line of proto-JSON, with the numbers that are 0, and what else there is to tell. The SHA-256 is in
 * hexadecimal, as sha256sum prints it, and not in base64.
 */
export function formatBlobJson(blob: Blob, more: Readonly<Record<string, string>> = {}): string {
  const fields = { size: '0', ...(Blob.toJSON(blob) as object), sha256: hexOf(blob.sha256), ...more };
  return `${escapeJson(JSON.stringify(fields))}\n`;
}

/** One blob on a line each field. */
export function formatBlob({ blobId, name, contentType, size, sha256, createTime, author, etag }: Blob): string {
  const fields: [string, string][] = [
    ['id', blobId],
    ['name', name],
    ['type', contentType],
    ['size', `${size} (${formatBytes(Number(size))})`],
    ['sha256', hexOf(sha256)],
    ['created', formatTime(createTime, '')],
    ['author', author],
    ['etag', etag],
  ];
  const shown = fields.filter(([, value]) => value !== '');
  return shown.map(([field, value]) => `${field}: ${escapeText(value)}\n`).join('');
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
