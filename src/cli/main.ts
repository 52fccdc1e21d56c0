#!/usr/bin/env node
import { exitCodes } from './cli-error.js';
import { runCli } from './run-cli.js';
import type { Interrupt } from './session.js';

const interrupt = listenForSignals();
const exitCode = await runCli(process.argv.slice(2), process, interrupt);
// A pipe that nobody reads would hold up somebody who wants to leave; otherwise everything is written first.
if (interrupt.signal.aborted) process.exit(exitCode);
process.exitCode = exitCode;

function listenForSignals(): Interrupt {
  const controller = new AbortController();
  const onSignal = () => {
    // Whoever asks twice does not want to wait for an answer of the server.
    if (controller.signal.aborted) leave();
    controller.abort();
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  signals.forEach((signal) => process.on(signal, onSignal));
  return {
    signal: controller.signal,
    release: () => signals.forEach((signal) => process.off(signal, onSignal)),
  };
}

/** What stands on the terminal's last line, a progress for example, stays there. */
function leave(): never {
  if (process.stderr.isTTY) process.stderr.write('\n');
  process.exit(exitCodes.interrupted);
}
