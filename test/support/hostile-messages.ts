/** Messages that are no valid protobuf, or stretch what is: by what they are. They know nothing of any schema. */
export function hostileMessages(randomBytes: (length: number) => Buffer): ReadonlyMap<string, Buffer> {
  const messages = new Map<string, Buffer>();
  const add = (name: string, ...parts: (Buffer | readonly number[])[]) =>
    messages.set(name, Buffer.concat(parts.map((part) => Buffer.from(part))));

  for (const field of [1, 2, 3, 4, 5, 6, 7, 15]) {
    add(`field ${field} of 2 GiB`, tag(field, 2), [0xff, 0xff, 0xff, 0xff, 0x07]);
    add(`field ${field} of 4 GiB`, tag(field, 2), [0xff, 0xff, 0xff, 0xff, 0x0f]);
    add(`field ${field} with a length beyond 32 bits`, tag(field, 2), [0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    add(`field ${field} one byte short`, tag(field, 2), [2, 0x41]);
    add(`field ${field} cut short within a number`, tag(field, 0), [0xff, 0xff]);
    add(`field ${field} with a number of 11 bytes`, tag(field, 0), Buffer.alloc(10, 0xff), [1]);
    add(`field ${field} with broken UTF-8`, tag(field, 2), [2, 0xc3, 0x28]);
    add(`field ${field} with half a surrogate pair`, tag(field, 2), [3, 0xed, 0xa0, 0x80]);
    add(`field ${field} that nests an over-long one`, tag(field, 2), [6], tag(1, 2), [0xff, 0xff, 0xff, 0xff, 0x0f]);
    add(`field ${field} nested 10,000 deep`, nested(field, 10_000));
    add(`field ${field} as 20,000 open groups`, repeated(tag(field, 3), 20_000));
    add(`field ${field} as the end of a group`, tag(field, 4));
    add(`field ${field} as groups within groups`, repeated(tag(field, 3), 10_000), repeated(tag(field, 4), 10_000));
    add(`field ${field} 20,000 times, empty`, repeated([...tag(field, 2), 0], 20_000));
    for (const wireType of [0, 1, 2, 3, 5, 6, 7]) {
      add(`field ${field} with wire type ${wireType}`, tag(field, wireType), [1, 0, 0, 0, 0, 0, 0, 0]);
    }
  }
  add('nothing');
  add('a field with number 0', [0x02, 0x00]);
  add('a field with number 2^29', varint(2 ** 29 * 8), [0]);
  add('a tag of 10 bytes', Buffer.alloc(9, 0xff), [1]);
  add('a tag that does not end', Buffer.alloc(20, 0xff));
  add('zeros', Buffer.alloc(1_000));
  for (const length of [1, 5, 50, 500, 5_000]) {
    for (const round of [1, 2, 3]) add(`${length} random bytes, ${round}`, randomBytes(length));
  }
  return messages;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 0x80);
  }
}

const tag = (field: number, wireType: number) => varint(field * 8 + wireType);

const repeated = (bytes: readonly number[], times: number) => Buffer.alloc(bytes.length * times, Buffer.from(bytes));

/** A message in a message in a message …, each with the right length. */
function nested(field: number, depth: number): Buffer {
  const heads: Buffer[] = [];
  let size = 0;
  for (let level = 0; level < depth; level++) {
    const head = Buffer.from([...tag(field, 2), ...varint(size)]);
    heads.push(head);
    size += head.byteLength;
  }
  return Buffer.concat(heads.reverse());
}
