import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { startLeat } from '../cli/leat-process.js';

const program = fileURLToPath(new URL('many-calls-child.js', import.meta.url));

describe('fifty concurrent calls of every kind on one client', () => {
  it('print no warning in the client or the server, and the process exits by itself', async () => {
    const child = startLeat([], { program, env: { NODE_OPTIONS: '--trace-warnings' } });
    const { code, stdout, stderr } = await child.ended;
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^unary\n[^]*\nclosed\n$/);
  }, 60_000);
});
