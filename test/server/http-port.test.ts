import { request } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { EchoDefinition, echoService } from '../support/echo-service.js';
import { startTestServer } from '../support/test-server.js';

describe('the HTTP port', () => {
  it('says that the process lives and takes calls', async () => {
    await using test = await startTestServer([]);
    const url = `http://127.0.0.1:${test.httpPort}`;
    for (const path of ['/healthz', '/readyz', '/readyz?verbose']) {
      const response = await fetch(url + path);
      expect([path, response.status]).toEqual([path, 200]);
      await response.text();
    }
  });

  it('is not ready while the server drains, and closes with it', async () => {
    let answer: (message: object) => void = () => undefined;
    let begin: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    await using test = await startTestServer([
      echoService({
        unary: () => {
          begin();
          return new Promise((resolve) => (answer = resolve));
        },
      }),
    ]);
    const call = test.client(EchoDefinition).unary({});
    await begun;
    const drained = test.server.drain();
    const url = `http://127.0.0.1:${test.httpPort}`;
    await expect(fetch(`${url}/readyz`)).resolves.toMatchObject({ status: 503 });
    await expect(fetch(`${url}/healthz`)).resolves.toMatchObject({ status: 200 });
    answer({});
    await call;
    await drained;
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });

  it.each(['/', '/metrics/', '/../healthz', '//healthz', '/healthz/x'])('does not have %s', async (path) => {
    await using test = await startTestServer([]);
    expect(await statusOf(test.httpPort, { path })).toBe(404);
  });

  it('is for reading', async () => {
    await using test = await startTestServer([]);
    const response = await fetch(`http://127.0.0.1:${test.httpPort}/metrics`, { method: 'POST', body: 'x' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(await statusOf(test.httpPort, { path: '/healthz', method: 'HEAD' })).toBe(200);
  });

  it('refuses headers without end', async () => {
    await using test = await startTestServer([]);
    expect(await statusOf(test.httpPort, { path: '/healthz', headers: { x: 'x'.repeat(10_000) } })).toBe(431);
  });

  it('counts calls by method and status', async () => {
    await using test = await startTestServer([echoService()]);
    const client = test.client(EchoDefinition);
    await client.unary({});
    for await (const _ of client.download({}));
    await client.unary({}, { deadline: 1 } as never).catch(() => undefined);
    await test.idle();
    const metrics = await (await fetch(`http://127.0.0.1:${test.httpPort}/metrics`)).text();
    const method = 'grpc_method="/leat.test.Echo/Unary"';
    expect(metrics).toContain(`grpc_server_started_total{${method}} 2`);
    expect(metrics).toContain(`grpc_server_handled_total{${method},grpc_code="OK"} 2`);
    expect(metrics).toContain(`grpc_server_handling_seconds_count{${method}} 2`);
    expect(metrics).toContain(`grpc_server_in_flight{${method}} 0`);
    expect(metrics).toContain('grpc_server_msg_sent_total{grpc_method="/leat.test.Echo/Download"} 1');
    expect(metrics).toMatch(/leat_event_loop_delay_seconds\{quantile="0.99"\} 0\.\d+|\} 0\n/);
  });
});

function statusOf(port: number, options: { path: string; method?: string; headers?: Record<string, string> }) {
  return new Promise<number | undefined>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, ...options }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on('error', reject).end();
  });
}
