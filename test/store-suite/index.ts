import { describe } from '@jest/globals';
import { appendingSuite } from './appending.js';
import { filesSuite } from './files.js';
import { idsSuite } from './ids.js';
import { lifecycleSuite } from './lifecycle.js';
import type { OpenStore } from './opened.js';
import { pagesSuite } from './pages.js';
import { producersSuite } from './producers.js';
import { propertySuite } from './property.js';
import { topicsSuite } from './topics.js';
import { usersSuite } from './users.js';

export type { OpenedStore, OpenStore } from './opened.js';

/** What src/store/store.ts promises, as tests that run over any driver. */
export function storeSuite(name: string, open: OpenStore): void {
  describe(name, () => {
    appendingSuite(open);
    idsSuite(open);
    producersSuite(open);
    pagesSuite(open);
    topicsSuite(open);
    usersSuite(open);
    filesSuite(open);
    lifecycleSuite(open);
    propertySuite(open);
  });
}
