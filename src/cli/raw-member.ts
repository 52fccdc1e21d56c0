/**
 * The text of a member's value as it stands in a JSON object, so that no digit is lost to a number; the last one if
 * the name is there twice, as JSON.parse has it. `json` must be valid JSON whose value is an object.
 */
export function rawMember(json: string, name: string): string | undefined {
  // A string, a piece of structure, or a run of anything else.
  const token = /\s*("[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}:,]|[^\s"[\]{}:,]+)/y;
  let depth = 0;
  let key: string | undefined;
  let start: number | undefined;
  let found: string | undefined;
  for (let match = token.exec(json); match !== null; match = token.exec(json)) {
    const text = match[1] ?? '';
    if (depth === 1 && (text === ',' || text === '}')) {
      if (start !== undefined && key === name) found = json.slice(start, token.lastIndex - 1).trim();
      key = start = undefined;
    } else if (depth === 1 && text === ':') {
      start = token.lastIndex;
    } else if (depth === 1 && start === undefined) {
      key = String(JSON.parse(text));
    }
    depth += text === '{' || text === '[' ? 1 : text === '}' || text === ']' ? -1 : 0;
  }
  return found;
}
