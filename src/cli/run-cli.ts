import { isAbortError } from 'abort-controller-x';
import { CommanderError } from 'commander';
import { exitCodes } from './cli-error.js';
import { presentError } from './present-error.js';
import { paintLabel } from './paint-label.js';
import { createProgram } from './program.js';
import { createSession, type GlobalOptions, type Interrupt, type Session, type Terminal } from './session.js';

/**
 * Runs one command line and resolves with its exit code; every failure is told on `terminal.stderr` first.
 * `args` are the words after the program's name. When `interrupt.signal` aborts, the command ends as soon as it can.
 */
export async function runCli(args: readonly string[], terminal: Terminal, interrupt: Interrupt): Promise<number> {
  const session = createSession(terminal, interrupt);
  const program = createProgram(session);
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCodes.done;
  } catch (error) {
    return report(error, session, program.opts<GlobalOptions>().address);
  } finally {
    await session.close();
  }
}

function report(error: unknown, session: Session, address: string): number {
  if (session.outputClosed()) return exitCodes.done;
  // Commander has said it already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  if (isAbortError(error)) return exitCodes.interrupted;
  const { lines, exitCode } = presentError(error, address);
  const [first = '', ...notes] = lines;
  session.terminal.stderr.write(`${[paintLabel(session.paintError, first), ...notes].join('\n')}\n`);
  return exitCode;
}
