import { afterAll, afterEach, beforeAll } from '@jest/globals';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import type { TriptychSettings } from '../../../src/config/options.js';
import { embedded, type TestDatabase } from '../../support/engines.js';
import { TestService } from '../../support/service.js';
import { builtConsole } from './built-console.js';
import { launchChromium } from './chromium.js';
import { ConsolePage } from './console-page.js';

/** One service and one browser for a suite, and the tabs that its tests open. */
export interface ConsoleSuite {
  readonly service: TestService;
  readonly database: TestDatabase;
  /** Opens an empty tab, which is closed after the test; a test fails when something in it went wrong. */
  readonly open: (options?: BrowserContextOptions) => Promise<ConsolePage>;
}

/** Starts what a suite needs and stops it after. Members are there once the tests run. */
export function useConsole(
  settings: TriptychSettings | (() => TriptychSettings) = {},
  createDatabase: () => Promise<TestDatabase> = embedded,
): ConsoleSuite {
  let browser: Browser;
  let service: TestService;
  let database: TestDatabase;
  const tabs: ConsolePage[] = [];
  beforeAll(async () => {
    const consoleFolder = await builtConsole();
    database = await createDatabase();
    service = await TestService.start(database, typeof settings === 'function' ? settings() : settings, {
      consoleFolder,
    });
    browser = await launchChromium();
  });
  afterEach(async () => {
    for (const tab of tabs.splice(0)) {
      await tab.close();
      tab.expectNoFaults();
    }
  });
  afterAll(async () => {
    await browser.close();
    await service.stop();
    await database.drop();
  });
  return {
    get service() {
      return service;
    },
    get database() {
      return database;
    },
    open: async (options) => {
      const tab = await ConsolePage.open(browser, service.url, options);
      tabs.push(tab);
      return tab;
    },
  };
}
