import { once } from 'node:events';
import { connect } from 'node:http2';
import { describe, expect, it } from '@jest/globals';
import { echoService } from '../support/echo-service.js';
import { frame } from '../support/raw-http2.js';
import { startTestServer } from '../support/test-server.js';

const limits = { 'max-unary-duration': '1s', 'max-connection-age': '1h' };

describe('an answer that its client does not read', () => {
  it.each(['Unary', 'Upload'])(
    'is dropped after max-unary-duration (%s)',
    async (method) => {
      await using test = await startTestServer([echoService()], limits);
      const session = connect(`http://127.0.0.1:${test.grpcPort}`, { settings: { initialWindowSize: 0 } });
      session.on('error', () => undefined);
      await once(session, 'remoteSettings');
      const ended = Array.from({ length: 20 }, async () => {
        const stream = session.request({
          ':method': 'POST',
          ':path': `/leat.test.Echo/${method}`,
          'content-type': 'application/grpc',
          te: 'trailers',
        });
        stream.on('error', () => undefined).end(frame(Buffer.from([0x0a, 1, 0x61])));
        await once(stream, 'close');
        return stream.rstCode;
      });
      expect(new Set(await Promise.all(ended))).toEqual(new Set([8]));
      await test.idle();
      session.destroy();
      await once(session, 'close');
    },
    20_000,
  );
});
