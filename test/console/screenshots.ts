import { mkdirSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { ServiceProcess } from '../support/service-process.js';
import { launchChromium } from './support/chromium.js';
import { ConsolePage } from './support/console-page.js';
import { storeDemo } from './support/demo-data.js';
import {
  compareTwoTiers,
  compileTwoTurns,
  PARCELS,
  previewExport,
  storeParcels,
} from './support/parcel-demo.js';

/** Takes the pictures of the console in `docs/images/`: `npm run screenshots`. */
const FOLDER = process.argv[2] ?? 'docs/images';
const SIZE = { width: 1280, height: 800 };

/** Each picture: its name, where it is taken, and what is done before. */
const PICTURES: readonly (readonly [
  name: string,
  path: string,
  prepare?: (tab: ConsolePage) => Promise<void>,
  tenant?: string,
])[] = [
  ['sessions', '/sessions/trip-lisbon', (tab) => tab.page.getByText('Casa do Pátio').waitFor()],
  [
    'memories',
    '/memories',
    async ({ page }) => {
      await page.getByRole('row', { name: /Prefers window/ }).click();
      await page.getByText('Revision 1', { exact: true }).waitFor();
    },
  ],
  [
    'search',
    '/memories',
    async (tab) => {
      await tab.page.getByLabel('Search').fill('Where do they like to sit on a flight?');
      await tab.button('Search').click();
      await tab.page.getByRole('row', { name: /Prefers window/ }).click();
      await tab.page.getByText('Revision 1', { exact: true }).waitFor();
    },
  ],
  ['compile', '/compile', compileTwoTurns, PARCELS],
  ['compare', '/compile', compareTwoTiers, PARCELS],
  ['import', '/import', previewExport, PARCELS],
];

async function take(
  browser: Browser,
  url: string,
  colorScheme: 'light' | 'dark',
  width = SIZE.width,
): Promise<void> {
  const suffix = width === SIZE.width ? colorScheme : `narrow-${colorScheme}`;
  for (const [name, path, prepare, tenant = 'acme'] of PICTURES) {
    const viewport = { width, height: SIZE.height };
    const tab = await ConsolePage.open(browser, url, { viewport, colorScheme, reducedMotion: 'reduce' });
    await tab.signIn(tenant, path);
    await prepare?.(tab);
    await tab.page.mouse.move(0, 0);
    await tab.page.waitForLoadState('networkidle');
    await tab.screenshot(`${FOLDER}/${name}-${suffix}.png`);
    await tab.close();
  }
}

mkdirSync(FOLDER, { recursive: true });
const service = await ServiceProcess.start({ DATA_DIR: 'memory://' });
const browser = await launchChromium();
try {
  await storeDemo((method, path, body) => service.send('acme', method, path, body));
  await storeParcels((method, path, body) => service.send(PARCELS, method, path, body));
  for (const scheme of ['light', 'dark'] as const) await take(browser, service.url, scheme);
  if (process.argv[3] !== undefined) await take(browser, service.url, 'light', Number(process.argv[3]));
} finally {
  await browser.close();
  await service.stop();
}
