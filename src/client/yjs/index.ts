/**
 * A provider for Yjs: `import { createYjsProvider } from 'leat/yjs'`. Needs `yjs` and `y-protocols`, which `leat` does
 * not install. See docs/client.md.
 */
export { createYjsProvider } from './yjs-provider.js';
export type { YjsOptions, YjsProvider, YjsState, YjsStatus } from './yjs-options.js';
