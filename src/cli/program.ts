import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseHostPort, showAddress } from '../host-port.js';
import { addBlobsCommand } from './blobs.js';
import { addChatCommand } from './chat.js';
import { usageError } from './cli-error.js';
import { escapeText } from './escape-text.js';
import { addCursorCommand } from './cursor.js';
import { addCompletionCommand } from './completion.js';
import { addDownloadCommand } from './download.js';
import { paintLabel } from './paint-label.js';
import { addPublishCommand } from './publish.js';
import { addRoomsCommand } from './rooms.js';
import { addServeCommand } from './serve.js';
import { DEFAULT_ADDRESS, type GlobalOptions, type Session } from './session.js';
import { addTailCommand } from './tail.js';
import { addTopicsCommand } from './topics.js';
import { addUploadCommand } from './upload.js';
import { addUploadsCommand } from './uploads.js';
import { refuseEmpty } from './refuse-empty.js';
import { addUserCommand } from './user.js';

/** The command line, one command per file. Rejects with CommanderError instead of ending the process. */
export function createProgram(session: Session): Command {
  const { stdout, stderr } = session.terminal;
  const program: Command = new Command('leat')
    .description('Users, durable events, files and chat over gRPC, on streams that survive.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addOption(addressOption())
    .addOption(userOption())
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      outputError: (text, write) => {
        const line = escapeText(text.trim().replaceAll('\n', ' '));
        write(`${paintLabel(session.paintError, line)}; see --help\n`);
      },
    })
    .exitOverride()
    .hook('preAction', checkAddress)
    .addHelpText('after', footer);
  addServeCommand(program, session);
  addPublishCommand(program, session);
  addTailCommand(program, session);
  addUploadCommand(program, session);
  addDownloadCommand(program, session);
  addBlobsCommand(program, session);
  addUploadsCommand(program, session);
  addChatCommand(program, session);
  addRoomsCommand(program, session);
  addUserCommand(program, session);
  addTopicsCommand(program, session);
  addCursorCommand(program, session);
  addCompletionCommand(program, session);
  refuseEmpty(program);
  return program;
}

const footer = `
Exit codes:
  0    done; also a followed tail or a watch that was ended, and output that nobody reads any more
  1    the server refused it, or failed
  2    wrong usage: flags, values, or input that cannot be read
  3    no server there, or it is shutting down: try again later
  4    what was named does not exist
  5    it exists already, or somebody else was faster
  130  interrupted before it was done

Examples:
  $ leat serve
  $ echo hello | leat publish greetings
  $ leat tail greetings --follow
  $ leat chat lobby --user ada`;

function addressOption(): Option {
  return new Option('--address <host:port>', 'where the server is').env('LEAT_ADDRESS').default(DEFAULT_ADDRESS);
}

/** Commands that call no server, or must print no error: the address does not matter to them. */
const WITHOUT_SERVER: ReadonlySet<string> = new Set(['serve', 'completion', 'complete']);

/** Before the command runs: commander itself would print an address with its password, and not say where it is from. */
function checkAddress(program: Command, command: Command): void {
  if (WITHOUT_SERVER.has(command.name())) return;
  const { address } = program.opts<GlobalOptions>();
  const parsed = parseHostPort(address);
  if (!('problem' in parsed)) return;
  const source = program.getOptionValueSource('address') === 'env' ? 'LEAT_ADDRESS' : '--address';
  throw usageError(`${source} ${showAddress(address)}: ${parsed.problem}`);
}

function userOption(): Option {
  return new Option('--user <name>', 'who calls, where authentication is off').env('LEAT_USER').argParser((text) => {
    if (!/^[\x20-\x7e]*$/.test(text)) throw new InvalidArgumentError('Give printable ASCII.');
    return text;
  });
}

function packageVersion(): string {
  const file = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
