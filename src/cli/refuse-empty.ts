import { InvalidArgumentError, type Argument, type Command, type Option } from 'commander';

/** Options, by command and long name, whose empty value means something, and what. */
export const emptyOptions: ReadonlyMap<string, string> = new Map([['leat user update --email', 'removes the email']]);

/** Commands whose arguments may be empty, and why. */
const emptyArguments: ReadonlyMap<string, string> = new Map([['leat complete', 'a word that is not begun yet']]);

type Parse = (text: string, previous: unknown) => unknown;

/**
 * Refuses empty values of all options and arguments of a command and its subcommands, from the command line and from
 * the environment. `--etag ""` of a script whose variable was not set must not mean "no condition".
 */
export function refuseEmpty(command: Command, path = command.name()): void {
  for (const option of command.options) {
    if (!option.required && !option.optional) continue;
    if (!emptyOptions.has(`${path} ${option.long}`)) option.argParser(nonEmpty(option));
  }
  for (const argument of command.registeredArguments) {
    if (!emptyArguments.has(path)) argument.argParser(nonEmpty(argument));
  }
  for (const subcommand of command.commands) refuseEmpty(subcommand, `${path} ${subcommand.name()}`);
}

function nonEmpty(declared: Option | Argument): Parse {
  const parse = declared.parseArg as Parse | undefined;
  return (text, previous) => {
    // A parser that refuses it says better what to give.
    const value = parse === undefined ? text : parse(text, previous);
    if (text === '') throw new InvalidArgumentError('It is empty: give a value, or leave it out.');
    if (parse !== undefined || !declared.variadic) return value;
    return [...((previous as readonly unknown[] | undefined) ?? []), value];
  };
}
