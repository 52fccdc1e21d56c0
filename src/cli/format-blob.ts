import { Blob } from '../../gen/leat/v1/blob.js';
import { escapeJson, escapeText } from './escape-text.js';
import { formatTime } from './format-time.js';
import { formatBytes } from './progress.js';

/** One blob as a line of proto-JSON, with the numbers that are 0, and what else there is to tell. */
export function formatBlobJson(blob: Blob, more: Readonly<Record<string, string>> = {}): string {
  return `${escapeJson(JSON.stringify({ size: '0', ...(Blob.toJSON(blob) as object), ...more }))}\n`;
}

/** One blob on a line each field. */
export function formatBlob({ blobId, name, contentType, size, sha256, createTime, author, etag }: Blob): string {
  const fields: [string, string][] = [
    ['id', blobId],
    ['name', name],
    ['type', contentType],
    ['size', `${size} (${formatBytes(Number(size))})`],
    ['sha256', Buffer.from(sha256).toString('hex')],
    ['created', formatTime(createTime, '')],
    ['author', author],
    ['etag', etag],
  ];
  const shown = fields.filter(([, value]) => value !== '');
  return shown.map(([field, value]) => `${field}: ${escapeText(value)}\n`).join('');
}
