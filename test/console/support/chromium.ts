import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

/** Debian's; the variable CHROMIUM may name another one. */
export const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
export const CHROMIUM_MISSING = `There is no Chromium at ${CHROMIUM}. Run .ci/chromium as root, or set CHROMIUM to the path of one.`;

/** Chromium without a window; its sandbox needs rights that a container's root has not. */
export function launchChromium(): Promise<Browser> {
  if (!existsSync(CHROMIUM)) throw new Error(CHROMIUM_MISSING);
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}
