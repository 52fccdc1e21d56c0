import { describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startLeat } from '../cli/leat-process.js';

const program = fileURLToPath(new URL('../../examples/demo/main.js', import.meta.url));

describe('the demo', () => {
  it('keeps all its promises, ends by itself, and leaves nothing behind', async () => {
    const demo = startLeat([], { program });
    const { code, stdout, stderr } = await demo.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/All \d+ promises kept/);
    expect(existsSync(dataDirIn(stdout))).toBe(false);
  }, 120_000);

  it.each(['service', 'publish', 'upload'])(
    'cleans up at Ctrl-C, in the chapter "%s" too',
    async (chapter) => {
      const demo = startLeat([], { program });
      await demo.until('stdout', new RegExp(`^ \\d  ${chapter}`, 'm'));
      demo.child.kill('SIGINT');
      const { code, stdout, stderr } = await demo.ended;
      expect({ code, stderr }).toEqual({ code: 130, stderr: '\ninterrupted\n' });
      expect(existsSync(dataDirIn(stdout))).toBe(false);
    },
    120_000,
  );
});

function dataDirIn(stdout: string): string {
  const [, directory] = /with its data in (\S+)/.exec(stdout) ?? [];
  if (directory === undefined) throw new Error(`no directory in: ${stdout}`);
  return directory;
}
