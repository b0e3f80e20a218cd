import { describe, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { CHROMIUM, CHROMIUM_MISSING } from './chromium.js';

/** A suite that needs a browser: where there is none it fails in CI, and says that it is skipped elsewhere. */
export function describeInChromium(name: string, suite: () => void): void {
  if (existsSync(CHROMIUM)) {
    describe(name, suite);
    return;
  }
  describe(name, () => {
    if (process.env['CI'])
      it('has a browser', () => {
        throw new Error(CHROMIUM_MISSING);
      });
    else it.skip(`is skipped: ${CHROMIUM_MISSING}`, () => undefined);
  });
}
