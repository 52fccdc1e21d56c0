import path from 'node:path';

/**
 * Imports point one way: cli → server → middleware, services → domain → store ports (CONTRIBUTING.md, "Where code
 * lives"). A room is a file or folder of src/; the longest that fits a file is its room. It may import itself and
 * what is named here, nothing else of ours.
 */
const rooms = {
  'host-port.ts': [],
  'config.ts': ['host-port.ts'],
  'domain/errors.ts': [],
  streams: [],
  flow: [],
  store: ['domain/errors.ts', 'store'],
  'store/encoding': ['domain/errors.ts', 'gen', 'store/encoding/utf8.ts'],
  'store/encoding/utf8.ts': [],
  'store/store.ts': ['store/encoding', 'store/files.ts'],
  'store/files.ts': ['store/encoding'],
  'store/byte-store.ts': [],
  'store/sqlite': ['domain/errors.ts', 'store', 'store/encoding', 'store/store.ts', 'store/files.ts', 'gen'],
  'store/bytes': ['domain/errors.ts', 'store/byte-store.ts'],
  domain: [
    'domain/errors.ts',
    'streams',
    'store/encoding',
    'store/encoding/utf8.ts',
    'store/store.ts',
    'store/files.ts',
    'store/byte-store.ts',
    'gen',
  ],
  services: [
    'domain',
    'domain/errors.ts',
    'streams',
    'store/encoding',
    'store/encoding/utf8.ts',
    'store/store.ts',
    'store/files.ts',
    'store/byte-store.ts',
    'middleware/call-context.ts',
    'gen',
  ],
  middleware: ['domain/errors.ts', 'middleware/call-context.ts', 'store/encoding/utf8.ts', 'streams', 'gen'],
  'middleware/call-context.ts': [],
  server: [
    'config.ts',
    'domain',
    'domain/errors.ts',
    'flow',
    'gen',
    'middleware',
    'middleware/call-context.ts',
    'services',
    'store',
    'store/encoding',
    'store/store.ts',
    'store/files.ts',
    'store/byte-store.ts',
    'store/bytes',
    'store/sqlite',
    'streams',
  ],
  client: ['flow', 'gen', 'host-port.ts'],
  cli: ['client', 'gen', 'host-port.ts', 'cli/serve.ts'],
  'cli/serve.ts': ['cli', 'config.ts', 'server'],
};

function roomOf(file) {
  const fits = Object.keys(rooms).filter((room) => file === room || file.startsWith(`${room}/`));
  return fits.sort((a, b) => b.length - a.length)[0];
}

function check(context, node) {
  const specifier = node.source?.value;
  if (typeof specifier !== 'string' || !specifier.startsWith('.')) return;
  const root = path.join(context.cwd, 'src');
  const from = roomOf(path.relative(root, context.filename));
  if (from === undefined) return;
  const target = path.relative(root, path.resolve(path.dirname(context.filename), specifier)).replace(/\.js$/, '.ts');
  const to = target.startsWith('../gen/') ? 'gen' : roomOf(target);
  if (to === from || rooms[from].includes(to)) return;
  context.report({
    node,
    message: `${from} may not import ${to ?? target}; it may import ${rooms[from].join(', ') || 'nothing of ours'}.`,
  });
}

/** ESLint plugin with the one rule `rooms/direction`. */
export default {
  rules: {
    direction: {
      create: (context) => ({
        ImportDeclaration: (node) => check(context, node),
        ExportNamedDeclaration: (node) => check(context, node),
        ExportAllDeclaration: (node) => check(context, node),
        ImportExpression: (node) => check(context, node),
      }),
    },
  },
};
