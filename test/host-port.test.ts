import { describe, expect, it } from '@jest/globals';
import { formatHostPort, parseHostPort, showAddress } from '../src/host-port.js';

describe('parseHostPort', () => {
  it.each([
    ['127.0.0.1:50051', '127.0.0.1', 50051],
    ['localhost:1', 'localhost', 1],
    ['my_host.example.com.:65535', 'my_host.example.com.', 65535],
    ['[::1]:50051', '::1', 50051],
    ['[2001:db8::1]:080', '2001:db8::1', 80],
    ['1password.example:443', '1password.example', 443],
    ['dns:50051', 'dns', 50051],
    ['bücher.example:1', 'xn--bcher-kva.example', 1],
    ['例え.テスト:1', 'xn--r8jz45g.xn--zckzah', 1],
  ])('reads %s', (text, host, port) => expect(parseHostPort(text)).toEqual({ host, port }));

  it.each([
    ['', /^it is empty; give HOST:PORT/],
    ['x', /^the port is missing; give x:PORT, for example x:50051$/],
    ['x:', /^the port is missing; give x:PORT/],
    ['[::1]', /^the port is missing; give \[::1\]:PORT/],
    [':50051', /^the host is missing; give HOST:50051/],
    [':', /^the host is missing/],
    ['x:99999', /^port 99999 is not a number from 1 to 65535$/],
    ['x:0', /^port 0 is not a number from 1 to 65535$/],
    ['x:-1', /^port -1 is not/],
    ['x:http', /^port http is not/],
    ['x:1e3', /^port 1e3 is not/],
    ['x:000080', /^port 000080 is not/],
    ['::1:50051', /^put the IPv6 address in brackets: \[::1\]:50051$/],
    ['2001:db8::1', /^put the IPv6 address in brackets and add the port: \[2001:db8::1\]:PORT$/],
    ['::1', /^put the IPv6 address in brackets/],
    ['fe80::abcd', /^put the IPv6 address in brackets and add the port: \[fe80::abcd\]:PORT$/],
    ['a:1:2', /^it has more than one colon/],
    ['[::1', /is not|neither/],
    ['[x]:1', /^"x" is not an IPv6 address/],
    ['[127.0.0.1]:1', /^"127\.0\.0\.1" is not an IPv6 address/],
    ['[fe80::1%eth0]:1', /is not an IPv6 address/],
    ['a,b', /^give one HOST:PORT, not a list$/],
    ['a:1,b:2', /^give one HOST:PORT, not a list$/],
    [' x:1', /without blanks/],
    ['x:1 ', /without blanks/],
    ['x:1\n', /without blanks or control characters$/],
    ['x :1', /without blanks/],
    ['x\u0000:1', /control characters/],
    ['http://x:1', /^give x:1 without a scheme$/],
    ['https://x:1/path?query', /^give x:1 without a scheme$/],
    ['https://x', /^give HOST:PORT without a scheme$/],
    ['grpc://[::1]:1', /^give \[::1\]:1 without a scheme$/],
    ['dns:///x:1', /^give x:1 without a scheme$/],
    ['dns:x:1', /^give x:1 without "dns:"$/],
    ['ipv4:1.2.3.4:5', /^give 1\.2\.3\.4:5 without "ipv4:"$/],
    ['http:x:1', /^give x:1 without "http:"$/],
    ['unix:/tmp/socket', /^sockets without a port are not supported; give HOST:PORT$/],
    ['unix:///tmp/socket', /^sockets without a port are not supported/],
    ['unix-abstract:x', /^sockets without a port are not supported/],
    ['x:1/', /^give x:1 without a path$/],
    ['x:1?y', /^give x:1 without a path$/],
    ['user:password@x:1', /^give HOST:PORT without a user name or password$/],
    ['999.1.1.1:1', /^"999\.1\.1\.1" is neither a host name nor an IP address/],
    ['127.1:1', /neither/],
    ['0x7f.1:1', /neither/],
    ['-x.example:1', /neither/],
    ['x..y:1', /neither/],
    ['*:1', /neither/],
    ['x%41:1', /neither/],
    [`${'a'.repeat(64)}:1`, /neither/],
    ['\u{e000}:1', /neither/],
  ])('refuses %j and names the mistake and the fix', (text, problem) => {
    expect(parseHostPort(text)).toEqual({ problem: expect.stringMatching(problem) });
  });

  it('takes port 0 only where a server listens', () => {
    expect(parseHostPort('x:0', { minPort: 0 })).toEqual({ host: 'x', port: 0 });
  });

  it('formats what it parsed', () => {
    for (const text of ['x:1', '[::1]:2', '1.2.3.4:5']) {
      const parsed = parseHostPort(text);
      expect('problem' in parsed ? '' : formatHostPort(parsed)).toBe(text);
    }
  });
});

describe('showAddress', () => {
  it.each([
    ['x:1', 'x:1'],
    ['', '""'],
    ['x:1\n', '"x:1\\n"'],
    ['http://ada:secret@x:1', 'http://***@x:1'],
    ['ada:sec/ret@x:1', '***@x:1'],
    ['https://a@b:secret@x:1', 'https://***@x:1'],
    ['https://x:1/?token=secret', 'https://x:1/?***'],
  ])('shows %j without passwords', (text, shown) => expect(showAddress(text)).toBe(shown));
});
