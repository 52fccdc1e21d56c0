import type { Argument, Command, Option } from 'commander';

export interface Candidate {
  readonly value: string;
  /** For people. */
  readonly description: string;
}

/** What may stand in the place of the last word. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  /** What the command line alone does not know: files of this machine, and what the service has. */
  readonly ask?: 'files' | 'topics' | 'rooms';
  /** The beginning of the value that is asked for: the last word, or what stands behind its "=". */
  readonly begun: string;
  /** What the candidates have before it: "--flag=", or nothing. */
  readonly lead: string;
  /** The values of options that stand before, by their long names. */
  readonly values: ReadonlyMap<string, string>;
}

/**
 * Completes the last of `words`, which are those behind the program's name; it may be empty. Everything that is offered
 * comes from the commands themselves: their names, options, choices, and the placeholders of their values.
 */
export function completeWords(program: Command, words: readonly string[]): Completion {
  const last = words.at(-1) ?? '';
  const place = walk(program, words.slice(0, -1));
  const [, flag, begun = last] = place.onlyArguments ? [] : (/^(--[^=]+)=(.*)$/s.exec(last) ?? []);
  const option = flag === undefined ? place.valueOf : findOption(place.command, flag);
  const base = { begun, lead: flag === undefined ? '' : `${flag}=`, values: place.values, candidates: [] };
  if (option !== undefined) return { ...base, ...valuesOf(option.argChoices ?? alternatives(option), option.flags) };
  if (flag !== undefined) return base;
  if (last.startsWith('-') && !place.onlyArguments) return { ...base, candidates: flagsOf(place.command) };
  const subcommands = place.positionals === 0 ? subcommandsOf(place.command) : [];
  if (subcommands.length > 0) return { ...base, candidates: subcommands };
  const argument = argumentAt(place.command, place.positionals);
  return argument === undefined ? base : { ...base, ...valuesOf(argument.argChoices, `<${argument.name()}>`) };
}

interface Place {
  readonly command: Command;
  readonly positionals: number;
  /** The option whose value comes next. */
  readonly valueOf?: Option;
  /** Behind "--" nothing is an option. */
  readonly onlyArguments: boolean;
  readonly values: ReadonlyMap<string, string>;
}

function walk(program: Command, words: readonly string[]): Place {
  const values = new Map<string, string>();
  let command = program;
  let positionals = 0;
  let valueOf: Option | undefined;
  let onlyArguments = false;
  for (const word of words) {
    const [, flag = word, value] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
    if (valueOf !== undefined) {
      values.set(valueOf.long ?? '', word);
      valueOf = undefined;
    } else if (word === '--') {
      onlyArguments = true;
    } else if (word.startsWith('-') && word !== '-' && !onlyArguments) {
      const option = findOption(command, flag);
      if (value !== undefined) values.set(flag, value);
      else if (option?.required === true) valueOf = option;
    } else if (word !== 'help' || positionals > 0) {
      const next = positionals === 0 ? command.commands.find((child) => child.name() === word) : undefined;
      if (next === undefined) positionals++;
      else command = next;
    }
  }
  return { command, positionals, valueOf, onlyArguments, values };
}

/** Options of a command may stand anywhere behind its name, those of the commands above it too. */
function findOption(command: Command | null, flag: string): Option | undefined {
  if (command === null) return undefined;
  return command.options.find(({ short, long }) => short === flag || long === flag) ?? findOption(command.parent, flag);
}

function flagsOf(command: Command | null): Candidate[] {
  if (command === null) return [];
  const own = command
    .createHelp()
    .visibleOptions(command)
    .map(({ long, short, description }) => ({ value: long ?? short ?? '', description }));
  const above = flagsOf(command.parent).filter(({ value }) => !own.some((flag) => flag.value === value));
  return [...own, ...above];
}

function subcommandsOf(command: Command): Candidate[] {
  const help = command.createHelp();
  if (command.commands.length === 0) return [];
  return help
    .visibleCommands(command)
    .map((child) => ({ value: child.name(), description: help.subcommandDescription(child) }));
}

function argumentAt({ registeredArguments }: Command, index: number): Argument | undefined {
  const last = registeredArguments.at(-1);
  return registeredArguments[index] ?? (last?.variadic === true ? last : undefined);
}

/** The words of a placeholder such as `<debug|info|warn>`. */
function alternatives({ flags }: Option): string[] | undefined {
  const [, placeholder = ''] = /<([^>]*)>/.exec(flags) ?? [];
  return placeholder.includes('|') ? placeholder.split('|') : undefined;
}

function valuesOf(choices: readonly string[] | undefined, flags: string): Pick<Completion, 'candidates' | 'ask'> {
  const candidates = (choices ?? []).map((value) => ({ value, description: '' }));
  if (/[<[](?:file|path)\b/.test(flags)) return { candidates, ask: 'files' };
  if (/[<[](?:topic|prefix)\b/.test(flags)) return { candidates, ask: 'topics' };
  if (/[<[]room\b/.test(flags)) return { candidates, ask: 'rooms' };
  return { candidates };
}
