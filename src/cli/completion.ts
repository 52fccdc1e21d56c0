import { Argument, type Command } from 'commander';
import { completeWords, type Candidate } from './complete-words.js';
import { completionScripts, type Shell } from './completion-scripts.js';
import { escapeText } from './escape-text.js';
import type { GlobalOptions, Session } from './session.js';

/** Somebody waits with a finger on the Tab key. */
const ANSWER_TIMEOUT_MS = 500;

/** `leat completion SHELL`, and what its scripts ask for. */
export function addCompletionCommand(program: Command, session: Session): void {
  program
    .command('completion')
    .summary('print a script that completes command lines in a shell')
    .description(
      'Prints a script with which SHELL completes commands, flags, their values, files, and topics and rooms of the\n' +
        'service that --address or LEAT_ADDRESS names, if it answers at once.',
    )
    .addArgument(new Argument('<shell>', 'your shell').choices(Object.keys(completionScripts)))
    .addHelpText('after', examples)
    .action((shell: Shell) => session.output.write(completionScripts[shell], session.signal));
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .action((words: string[], _options: unknown, command: Command) =>
      complete(session, program, words, command.optsWithGlobals<GlobalOptions>()),
    );
}

const examples = `
Examples:
  $ source <(leat completion bash)      # in ~/.bashrc
  $ source <(leat completion zsh)       # in ~/.zshrc, behind compinit
  $ leat completion fish | source       # in ~/.config/fish/config.fish`;

async function complete(session: Session, program: Command, words: readonly string[], options: GlobalOptions) {
  const { ask, begun, lead, values, candidates } = completeWords(program, words);
  const { '--address': address = options.address, '--user': user = options.user } = Object.fromEntries(values);
  const asked = ask === undefined || ask === 'files' ? [] : await askService(session, ask, begun, { address, user });
  const fitting = [...candidates, ...asked].filter(({ value }) => value.startsWith(begun));
  const lines = fitting.map(({ value, description }) => `${lead}${value}\t${escapeText(description)}\n`);
  await session.output.write([...lines, ...(ask === 'files' ? [':files\n'] : [])].join(''), session.signal);
}

/** Nothing if there is no service, or it takes too long: nobody asked for an error. */
async function askService(
  session: Session,
  ask: 'topics' | 'rooms',
  prefix: string,
  options: GlobalOptions,
): Promise<Candidate[]> {
  const limits = { signal: session.signal, timeoutMs: ANSWER_TIMEOUT_MS, retry: false };
  try {
    const { events, chat } = session.client(options);
    if (ask === 'topics') {
      const { topics } = await events.listTopics({ prefix }, limits);
      return topics.map(({ topic, headOffset }) => ({ value: topic, description: `head ${headOffset}` }));
    }
    const { rooms } = await chat.listRooms({ prefix }, limits);
    return rooms.map(({ room, memberCount }) => ({ value: room, description: `${memberCount} here` }));
  } catch {
    return [];
  }
}
