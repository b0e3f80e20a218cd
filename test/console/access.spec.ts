import { beforeAll, expect, it } from '@jest/globals';
import type { ConsolePage } from './support/console-page.js';
import { storeDemo } from './support/demo-data.js';
import { describeInChromium } from './support/in-chromium.js';
import { useConsole } from './support/suite.js';

describeInChromium('the console is usable by everybody', () => {
  const suite = useConsole();

  beforeAll(() =>
    storeDemo((method, path, body) => suite.service.send(method, path, body, { 'x-tenant-id': 'acme' })),
  );

  /** Each view, as far as it can be opened. */
  const VIEWS: readonly (readonly [name: string, show: (tab: ConsolePage) => Promise<void>])[] = [
    [
      'sign-in',
      async (tab) => {
        await tab.go();
        await tab.page.getByLabel('Tenant').fill('-');
        await tab.button('Sign in').click();
        await tab.page.getByText('A tenant is 1 to 128').waitFor();
      },
    ],
    ['no session', (tab) => tab.signIn('empty')],
    [
      'a session',
      async (tab) => {
        await tab.signIn('acme', '/sessions/trip-lisbon');
        await tab.page.getByText('Casa do Pátio').waitFor();
      },
    ],
    [
      'a question',
      async (tab) => {
        await tab.signIn('acme', '/sessions/trip-lisbon');
        await tab.button('Clear …').click();
        await tab.page.getByRole('alertdialog').waitFor();
      },
    ],
    [
      'a problem',
      async (tab) => {
        await tab.signIn('acme', '/sessions/none');
        await tab.page.getByRole('alert').waitFor();
      },
    ],
    [
      'memories',
      async (tab) => {
        await tab.signIn('acme', '/memories');
        await tab.row(/Pays by invoice/).click();
        await tab.page.getByText('Revision 1', { exact: true }).waitFor();
      },
    ],
    [
      'a search',
      async (tab) => {
        await tab.signIn('acme', '/memories');
        await tab.page.getByLabel('Search').fill('window seats');
        await tab.button('Search').click();
        await tab.page
          .getByText(/^words \d/)
          .first()
          .waitFor();
      },
    ],
    [
      'a new memory',
      async (tab) => {
        await tab.signIn('acme', '/memories/new');
        await tab.button('Store memory').click();
        await tab.page.getByText('Name the agent').waitFor();
      },
    ],
  ];

  for (const colorScheme of ['light', 'dark'] as const)
    it.each(VIEWS)(`axe-core finds nothing serious in ${colorScheme} · %s`, async (_name, show) => {
      const tab = await suite.open({ colorScheme, reducedMotion: 'reduce' });
      await show(tab);
      await tab.expectAccessible();
    });

  it.each(VIEWS)('nothing is wider than a window of 360 px · %s', async (_name, show) => {
    const tab = await suite.open({ viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });
    await show(tab);
    await tab.expectNoSidewaysScroll();
  });

  it('shows the list or what is open of it in a narrow window, and leads back', async () => {
    const tab = await suite.open({ viewport: { width: 390, height: 800 } });
    await tab.signIn('acme');
    await tab.row('trip-lisbon').click();
    await tab.heading('trip-lisbon').waitFor();
    expect(await tab.row('trip-kyoto').count()).toBe(0);
    await tab.page.getByRole('link', { name: 'All sessions' }).click();
    await tab.row('trip-kyoto').waitFor();
  });

  // react-aria has texts of its own in all of them, and Arabic is written from the right.
  it.each(['de-DE', 'pl-PL', 'ar-AE'])('shows every view in a browser that speaks %s', async (locale) => {
    const tab = await suite.open({ locale });
    await tab.signIn('acme');
    await tab.row('trip-lisbon').click();
    await tab.page.getByText('Casa do Pátio').waitFor();
    await tab.button('Clear …').click();
    await tab.page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).click();
    await tab.view('Memories');
    await tab.row(/Pays by invoice/).click();
    await tab.button('Delete …').click();
    await tab.page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).click();
    await tab.view('Compile');
    await tab.button(/^Show threads/).click();
    await tab.page.getByRole('option', { name: /trip-lisbon/ }).click();
    await tab.page.getByRole('textbox', { name: 'Task' }).fill('Book it.');
    await tab.button('Compile').click();
    await tab.page.getByRole('tab', { name: 'Prompt' }).click();
    await tab.button('Copy prompt').waitFor();
    await tab.view('Import');
    expect(
      await tab.page.evaluate<string>(`getComputedStyle(document.querySelector('main')).direction`),
    ).toBe('ltr');
  });

  it('keeps its frame when a view cannot be shown, and says what to do', async () => {
    const tab = await suite.open();
    await tab.page.route('**/v1/sessions/trip-lisbon/messages?*', (route) =>
      route.fulfill({ json: { messages: [{ role: 'user' }], version: 1, nextBefore: null } }),
    );
    await tab.signIn('acme', '/sessions/trip-lisbon');
    const alert = tab.page.getByRole('alert');
    await alert.getByText('Something went wrong in this page').waitFor();
    await alert.getByText(/open another view/).waitFor();
    await tab.view('Memories');
    await tab.row(/Pays by invoice/).waitFor();
    await tab.page.goBack();
    await alert.waitFor();
    await tab.page.unrouteAll();
    await tab.page.reload();
    await tab.page.getByText('Casa do Pátio').waitFor();
    expect(tab.faults.splice(0).length).toBeGreaterThan(0);
  });

  it('is switched between dark, light and what the system has', async () => {
    const tab = await suite.open({ colorScheme: 'light' });
    await tab.signIn('acme');
    const ground = (): Promise<string> =>
      tab.page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    const light = await ground();
    await tab.page.getByLabel('Theme').selectOption('dark');
    const dark = await ground();
    expect(dark).not.toBe(light);
    await tab.page.reload();
    await tab.heading('Sessions').waitFor();
    expect(await ground()).toBe(dark);
    await tab.page.getByLabel('Theme').selectOption('system');
    expect(await ground()).toBe(light);
  });

  it('takes a whole task by keyboard alone', async () => {
    const tab = await suite.open();
    const { keyboard } = tab.page;
    const focused = (): Promise<string> =>
      tab.page.evaluate<string>(
        `(document.activeElement.innerText || document.activeElement.value || '').trim()`,
      );
    const tabTo = async (text: string, key = 'Tab'): Promise<void> => {
      for (let step = 0; step < 30; step += 1) {
        if ((await focused()).startsWith(text)) return;
        await keyboard.press(key);
      }
      throw new Error(`The keyboard does not come to ${text}; it is at ${await focused()}`);
    };
    await tab.go('/memories');
    await tab.page.getByLabel('Tenant').waitFor();
    await keyboard.type('keys');
    await keyboard.press('Enter');
    await tab.heading('Memories').waitFor();
    await tabTo('Add');
    await keyboard.press('Enter');
    await tab.heading('New memory').waitFor();
    await tabTo('New memory');
    await keyboard.press('Tab');
    await keyboard.type('guide');
    await keyboard.press('Tab');
    await keyboard.type('Likes short keys.');
    await tabTo('Store memory');
    await keyboard.press('Enter');
    await tab.hears('Memory stored');
    await tabTo('Memory');
    await tabTo('Edit');
    await keyboard.press('Enter');
    await tabTo('Likes short keys.');
    await keyboard.press('End');
    await keyboard.type(' And long ones.');
    await tabTo('Save as revision 2');
    await keyboard.press('Enter');
    await tab.page.getByText('Revision 2').first().waitFor();
    await tabTo('Likes short keys. And long ones.', 'Shift+Tab');
    await tabTo('Delete …');
    await keyboard.press('Enter');
    await tab.page.getByRole('alertdialog').waitFor();
    expect(await focused()).toBe('Cancel');
    await keyboard.press('Tab');
    await keyboard.press('Enter');
    await tab.page.getByText('No memories yet').waitFor();
  });

  it('leads to the first field that is wrong', async () => {
    const tab = await suite.open();
    await tab.go('/memories/new');
    await tab.button('Sign in').click();
    await tab.expectFocusIn('Tenant');
    await tab.signIn('acme', '/memories/new');
    await tab.button('Store memory').click();
    await tab.expectFocusIn('Agent');
    await tab.page.getByLabel('Agent').last().fill('guide');
    await tab.button('Store memory').click();
    await tab.expectFocusIn('Text');
    await tab.view('Memories');
    await tab.row(/Pays by invoice/).click();
    await tab.button('Edit').click();
    await tab.page.getByLabel('Metadata (JSON)').fill('{');
    await tab.button('Save as revision 2').click();
    await tab.expectFocusIn('Metadata (JSON)');
    await tab.view('Compile');
    await tab.button('Compile').click();
    await tab.expectFocusIn('Thread');
    await tab.page.getByRole('combobox', { name: 'Thread' }).fill('new');
    await tab.page.keyboard.press('Tab');
    await tab.page.getByRole('textbox', { name: 'Task' }).fill('Say it.');
    await tab.page.getByText('More settings').click();
    await tab.page.getByLabel('Memory limit').fill('many');
    await tab.page.getByText('More settings').click();
    await tab.button('Compile').click();
    await tab.expectFocusIn('Memory limit');
  });

  it('leads on from what is no longer there', async () => {
    const tab = await suite.open();
    const ada = suite.service.as('ada');
    await ada.post('/v1/sessions/over/messages', { messages: [{ role: 'user', content: 'Bye.' }] });
    await ada.post('/v1/memories', { agentId: 'guide', content: 'Likes the sea.' });
    await tab.signIn('ada');
    await tab.row('over').click();
    await tab.button('Clear …').click();
    await tab.button('Clear session').click();
    await tab.page.getByText('No sessions yet').waitFor();
    await tab.expectFocusOn('Sessions');
    await tab.view('Memories');
    await tab.row('Likes the sea.').click();
    await tab.button('Edit').click();
    await tab.expectFocusIn('Text');
    await tab.button('Cancel').click();
    await tab.expectFocusOn('Memory of guide');
    await tab.button('Edit').click();
    await tab.page.getByLabel('Text').fill('Likes the mountains.');
    await tab.button('Save as revision 2').click();
    await tab.expectFocusOn('Memory of guide');
    await tab.button('Delete …').click();
    await tab.button('Delete memory').click();
    await tab.page.getByText('No memories yet').waitFor();
    await tab.expectFocusOn('Memories');
  });
});
