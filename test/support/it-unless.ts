import { it } from '@jest/globals';

/** The test, or if there is a reason why it cannot run here, its name with the reason in the list of what was skipped. */
export function itUnless(reason: string | undefined, name: string, test: () => Promise<void>): void {
  if (reason === undefined) it(name, test);
  else it.skip(`${name} (${reason})`, test);
}
