import { Agent, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { once } from 'node:events';
import { sample } from '../load/file-frames.js';
import { playRole, roleOptions } from '../processes/play-role.js';
import { timed } from '../processes/usage.js';
import type { FileLoadOptions, FileRate } from './file-load.js';

export interface PatchOrder {
  readonly fileBytes: number;
  /** Of each PATCH; undefined: one for the whole file. */
  readonly patchBytes: number | undefined;
  readonly seconds: number;
}

const { port } = roleOptions<FileLoadOptions>();
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
/** What one writes at a time when the whole file is one request. */
const WRITE_BYTES = 256 * 1024;

function open(method: string, target: string, headers: OutgoingHttpHeaders = {}): ClientRequest {
  return request({ agent, port, host: '127.0.0.1', method, path: target, headers });
}

async function answer(sent: ClientRequest, expected: number): Promise<IncomingMessage> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  if (response.statusCode !== expected) throw new Error(`${sent.method} was answered with ${response.statusCode}`);
  return response;
}

async function drained(response: IncomingMessage): Promise<number> {
  let bytes = 0;
  response.on('data', (chunk: Buffer) => (bytes += chunk.length));
  await once(response, 'end');
  return bytes;
}

const tus = { 'Tus-Resumable': '1.0.0' };

async function create(fileBytes: number): Promise<string> {
  const sent = open('POST', '/files', { ...tus, 'Upload-Length': fileBytes, 'Content-Length': 0 });
  sent.end();
  const response = await answer(sent, 201);
  await drained(response);
  return new URL(response.headers.location ?? '').pathname;
}

async function patch(file: string, offset: number, length: number): Promise<void> {
  const type = { 'Content-Type': 'application/offset+octet-stream', 'Content-Length': length };
  const sent = open('PATCH', file, { ...tus, ...type, 'Upload-Offset': offset });
  const answered = answer(sent, 204);
  for (let at = 0; at < length; at += WRITE_BYTES) {
    if (!sent.write(sample.subarray(0, Math.min(WRITE_BYTES, length - at)))) await once(sent, 'drain');
  }
  sent.end();
  await drained(await answered);
}

async function upload({ fileBytes, patchBytes = fileBytes }: PatchOrder): Promise<string> {
  const file = await create(fileBytes);
  for (let offset = 0; offset < fileBytes; offset += patchBytes) await patch(file, offset, patchBytes);
  return file;
}

async function remove(file: string): Promise<void> {
  const sent = open('DELETE', file, tus);
  sent.end();
  await drained(await answer(sent, 204));
}

async function download(target: string, fileBytes: number): Promise<void> {
  const sent = open('GET', target);
  sent.end();
  const bytes = await drained(await answer(sent, 200));
  if (bytes !== fileBytes) throw new Error(`${bytes} bytes came, of a file of ${fileBytes}`);
}

const commands = {
  /** Uploads one file after the other for some seconds; what was uploaded goes afterwards. */
  async upload(order: PatchOrder): Promise<FileRate> {
    const files: string[] = [];
    const { seconds, cpu } = await timed(async () => {
      const until = performance.now() + order.seconds * 1000;
      do files.push(await upload(order));
      while (performance.now() < until);
    });
    for (const file of files) await remove(file);
    return { bytesPerSecond: (files.length * order.fileBytes) / seconds, cpu };
  },

  /** Downloads a file again and again for some seconds. */
  async download({ fileBytes, seconds }: { fileBytes: number; seconds: number }): Promise<FileRate> {
    let files = 0;
    const run = await timed(async () => {
      const until = performance.now() + seconds * 1000;
      do await download('/file', fileBytes);
      while ((files++, performance.now() < until));
    });
    return { bytesPerSecond: (files * fileBytes) / run.seconds, cpu: run.cpu };
  },
};

export type HttpLoadRole = typeof commands;

playRole(commands);
