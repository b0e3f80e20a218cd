import axe from 'axe-core';
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core';

/** Whatever should happen does within this, on a slow machine too; in milliseconds. */
const PATIENCE_MS = 60_000;

interface Finding {
  readonly id: string;
  readonly impact: string | null;
  readonly help: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** A tab on the console, which remembers what went wrong in it. */
export class ConsolePage {
  /** Refusals of the content security policy, errors of the page and its console, and dialogs that it opened. */
  readonly faults: string[] = [];

  private constructor(
    readonly page: Page,
    readonly context: BrowserContext,
    readonly url: string,
  ) {}

  /**
   * Opens an empty tab with a storage of its own.
   * @param url of the service
   */
  static async open(
    browser: Browser,
    url: string,
    options: BrowserContextOptions = {},
  ): Promise<ConsolePage> {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      // Colours on their way are none that anybody chose.
      reducedMotion: 'reduce',
      ...options,
    });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const tab = new ConsolePage(page, context, url);
    page.on('console', (message) => {
      // An answer that is no success is told there, too; the views show it.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        tab.faults.push(message.text());
    });
    page.on('pageerror', (error) => tab.faults.push(String(error)));
    page.on('dialog', (dialog) => {
      tab.faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    return tab;
  }

  /** @param path behind `/console` */
  async go(path = ''): Promise<void> {
    await this.page.goto(`${this.url}/console${path}`);
  }

  /** Opens a path as somebody who signs in there: in development mode by a tenant, else by a key or token. */
  async signIn(credential: string, path = '/sessions'): Promise<void> {
    await this.go(path);
    await this.page.getByLabel(/^(Tenant|API key|Token)/).fill(credential);
    await this.button('Sign in').click();
    await this.page.getByRole('navigation', { name: 'Views' }).waitFor();
  }

  async signOut(): Promise<void> {
    await this.button('Sign out').click();
    await this.heading('Sign in').waitFor();
  }

  /** Goes to a view by its link in the navigation. */
  async view(name: 'Sessions' | 'Memories' | 'Compile' | 'Import'): Promise<void> {
    await this.page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name }).click();
    await this.heading(name).waitFor();
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  heading(name: string | RegExp): Locator {
    return this.page.getByRole('heading', { name, exact: true });
  }

  /** A row of a list. */
  row(name: string | RegExp): Locator {
    return this.page.getByRole('row', { name });
  }

  /** Scrolls a list to its end until it has grown. */
  async loadMore(list: Locator): Promise<void> {
    const before = await this.scrollToEnd(list);
    const end = Date.now() + PATIENCE_MS;
    while ((await this.scrollToEnd(list)) <= before) {
      assert.ok(Date.now() < end, 'The list does not grow.');
      await this.page.waitForTimeout(30);
    }
  }

  /** Scrolls a list to its end as far as it is loaded, and gives its height in pixels. */
  scrollToEnd(list: Locator): Promise<number> {
    return list.evaluate((element: unknown) => {
      const scrolled = element as { scrollTo: (x: number, y: number) => void; scrollHeight: number };
      scrolled.scrollTo(0, scrolled.scrollHeight);
      return scrolled.scrollHeight;
    });
  }

  /** What is said to a screen reader, sooner or later. */
  async hears(text: string): Promise<void> {
    await this.page.locator('#announcements').filter({ hasText: text }).waitFor({ state: 'attached' });
  }

  /** No rule of axe-core (WCAG 2.2 A and AA, and its best practices) is broken seriously or critically. */
  async expectAccessible(): Promise<void> {
    // The policy of the page refuses a script element; the protocol of the browser needs none.
    await this.page.evaluate(axe.source);
    const findings = await this.page.evaluate<Finding[]>(
      // react-aria's announcer speaks by an element that names one which may be gone a moment later.
      `axe.run({ exclude: ['[data-live-announcer]'] }, { resultTypes: ['violations'] }).then(({ violations }) => violations)`,
    );
    const grave = findings.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    const told = grave.map(({ id, help, nodes }) => ({
      id,
      help,
      where: nodes.map(({ failureSummary, html }) => [html, failureSummary]),
    }));
    assert.deepEqual(told, []);
  }

  /** Nothing is wider than the window, nor than the part of the page that would scroll it. */
  async expectNoSidewaysScroll(): Promise<void> {
    const wider = await this.page.evaluate<
      string[]
    >(`[document.documentElement, ...document.querySelectorAll('*')]
      .filter((element) => element === document.documentElement || /auto|scroll/.test(getComputedStyle(element).overflowX))
      .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
      .map(({ tagName, className, scrollWidth, clientWidth }) => tagName + '.' + className + ': ' + scrollWidth + ' px in ' + clientWidth)`);
    assert.deepEqual(wider, []);
  }

  /** A heading with this name has the focus, sooner or later. */
  async expectFocusOn(name: string): Promise<void> {
    await this.heading(name).and(this.page.locator(':focus')).waitFor();
  }

  /** A field with this label has the focus, sooner or later. */
  async expectFocusIn(label: string): Promise<void> {
    await this.page.getByLabel(label, { exact: true }).and(this.page.locator(':focus')).waitFor();
  }

  /** The script and the styles of a view are there, which come once the first view is. */
  async expectLoaded(view: string): Promise<void> {
    const loaded = `performance.getEntriesByType('resource').filter(({ name, responseEnd }) => name.includes('/${view}') && responseEnd > 0).length`;
    const end = Date.now() + PATIENCE_MS;
    while ((await this.page.evaluate<number>(loaded)) < 2) {
      assert(Date.now() < end, `${view} is not loaded`);
      await sleep(20);
    }
  }

  /** No script of somebody else ran, the policy refused nothing, and the page threw no error. */
  expectNoFaults(): void {
    assert.deepEqual(this.faults, []);
  }

  /** @param path of a PNG file */
  async screenshot(path: string): Promise<void> {
    await this.page.screenshot({ path, animations: 'disabled', caret: 'hide' });
  }

  close(): Promise<void> {
    return this.context.close();
  }
}
