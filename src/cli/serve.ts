import { Option, type Command } from 'commander';
import { ConfigError, configOptions, loadConfig, type Config, type ConfigOption } from '../config.js';
import { CliError, exitCodes, usageError } from './cli-error.js';
import type { Session } from './session.js';

export function addServeCommand(program: Command, session: Session): void {
  const command = program
    .command('serve')
    .summary('run the service')
    .description(
      'Runs the service until SIGTERM or Ctrl-C: the first drains it, the second cuts what is left. ' +
        'Logs text on a terminal, JSON lines elsewhere.\n' +
        'Every option can be given as a flag, in the environment, or in a JSON file (LEAT_CONFIG), in this order.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ leat serve\n  $ leat serve --data-dir /var/lib/leat --listen 0.0.0.0:50051 --insecure',
    )
    .action((_options: unknown, self: Command) => {
      // LEAT_ADDRESS may be set for other commands; the flag was meant for this one.
      if (self.getOptionValueSourceWithGlobals('address') === 'cli') {
        throw usageError('serve does not use --address; give --listen HOST:PORT');
      }
      return serve(session, self.opts());
    });
  configOptions.flatMap(flagsOf).forEach((flag) => command.addOption(flag));
}

function flagsOf(option: ConfigOption): Option[] {
  if (option.placeholder !== '' || option.default !== 'true') return [flagOf(option)];
  // The hidden flag comes first: alone, `--no-…` would set the option to true where it is not given.
  return [
    new Option(`--${option.name} [true|false]`).hideHelp(),
    new Option(`--no-${option.name}`, `Turns off: ${option.description} (env: ${option.env})`),
  ];
}

function flagOf({ name, env, placeholder, default: byDefault, description }: ConfigOption): Option {
  const flags = placeholder === '' ? `--${name}` : `--${name} <${placeholder.toLowerCase()}>`;
  // Defaults and environment are loadConfig's, which knows about the file as well; here they are only told.
  const value = placeholder === '' ? '' : `default: ${byDefault}, `;
  return new Option(flags, `${description} (${value}env: ${env})`);
}

async function serve(session: Session, flags: Readonly<Record<string, unknown>>): Promise<void> {
  const config = configFrom(flags);
  // Drivers and the server's native modules load here, so that no other command needs them.
  const server = await import('../server/run.js').catch(explainMissing);
  session.interrupt.release();
  // Nothing waits for the threads of a store that was lost.
  process.exit(await server.serve(config, { onFailed: (message) => session.notice(`error: ${message}`) }));
}

/** The server's packages are optional dependencies: who only calls a service needs none of them. */
function explainMissing(error: NodeJS.ErrnoException): never {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  const [missing = ''] = error.message.split(' imported from ');
  throw new CliError(`only the client is installed (${missing}); to serve, install leat without --omit=optional`);
}

function configFrom(flags: Readonly<Record<string, unknown>>): Config {
  try {
    return loadConfig({ flags, env: process.env });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [problem = 'the configuration is wrong', ...more] = error.problems;
    throw new CliError(problem, exitCodes.usage, more);
  }
}
