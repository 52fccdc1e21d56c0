import { createLeatClient, type LeatClient } from '../../src/client/index.js';
import { startCuttingProxy } from './cutting-proxy.js';
import type { LargeFile } from './large-file.js';
import { count, megabytes, since, type Report } from './report.js';
import type { ServiceProcess } from './service-process.js';

export const blobId = 'demo-file';

/** Uploads a large file over a wire that is cut twice, to a service that is killed once, and then once more in peace. */
export async function uploadFile(
  client: LeatClient,
  service: ServiceProcess,
  file: LargeFile,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  report.chapter('upload', `${file.name}, ${count(file.size)} bytes, over a wire that breaks, to a service that dies`);
  const start = performance.now();
  const { result, cuts, kills } = await uploadThroughTrouble(service, file, report, signal);
  const twice = megabytes(result.sent - file.size);
  report.line(`all of it is on the service's disk after ${since(start)}; ${twice} were sent twice`);
  report.check(cuts === 2 && kills === 1, 'the wire was cut twice and the service killed once');
  const digest = Buffer.from(result.blob.sha256).toString('hex');
  report.check(digest === file.digest, `the blob is the file, byte for byte (sha256 ${file.digest.slice(0, 12)}…)`);
  const again = await client.upload(file.path, { uploadId: blobId, signal });
  const { topic } = await client.events.getTopic({ topic: 'sys/blobs' }, { signal });
  report.check(
    again.sent === 0 && topic?.headOffset === 1n,
    'uploaded again: compared, nothing sent; there is one blob, and one event on sys/blobs',
  );
}

async function uploadThroughTrouble(service: ServiceProcess, file: LargeFile, report: Report, signal: AbortSignal) {
  const trouble = { cuts: 0, kills: 0 };
  let restarted: Promise<void> | undefined;
  const proxy = await startCuttingProxy(service.address, {
    direction: 'to-service',
    at: [0.2, 0.45].map((part) => Math.round(file.size * (part + Math.random() / 20))),
    onCut(bytes) {
      trouble.cuts += 1;
      report.line(`✂ cut after ${megabytes(bytes)}`);
    },
  });
  const client = createLeatClient({ address: proxy.address, user: 'demo' });

  async function kill(): Promise<void> {
    trouble.kills += 1;
    const start = performance.now();
    await service.crashAndRestart();
    report.line(`☠ kill -9; another service is in its place after ${since(start)}`);
  }

  try {
    const result = await client.upload(file.path, {
      uploadId: blobId,
      signal,
      onProgress: ({ read }) => void (read > file.size * 0.7 && (restarted ??= kill())),
    });
    return { result, ...trouble };
  } finally {
    await client.close();
    await proxy.close();
    await restarted;
  }
}
