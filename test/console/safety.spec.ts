import { beforeAll, expect, it } from '@jest/globals';
import { describeInChromium } from './support/in-chromium.js';
import { useConsole } from './support/suite.js';

/** Each says that it ran by a dialog, which a tab remembers as a fault. */
const ATTACKS = [
  '<script>alert("script")</script>',
  '<img src=x onerror="alert(1)">',
  '<svg onload="alert(2)"></svg>',
  '"><iframe srcdoc="<script>parent.alert(3)</script>">',
  '[go](javascript:alert(4))',
];

describeInChromium('what is stored, in the console', () => {
  const suite = useConsole();
  const [script = ''] = ATTACKS;
  const all = ATTACKS.join('\n');

  beforeAll(async () => {
    const acme = suite.service.as('acme');
    const messages = [
      { role: 'user', name: script, content: all, note: all },
      {
        role: 'assistant',
        content: [
          { type: 'image_url', image_url: { url: 'javascript:alert(5)' } },
          { type: script, note: all },
        ],
        tool_calls: [{ id: script, type: 'function', function: { name: all, arguments: all } }],
      },
      { role: 'tool', tool_call_id: script, content: all },
    ];
    expect((await acme.post(`/v1/sessions/${encodeURIComponent(all)}/messages`, { messages })).status).toBe(
      201,
    );
    const memory = {
      agentId: script,
      content: all,
      metadata: { [script]: all },
      source: { threadId: script, speaker: all.slice(0, 200) },
    };
    const { status, body } = await acme.post('/v1/memories', memory);
    expect(status).toBe(201);
    const { memoryId } = body as { memoryId: string };
    expect((await acme.patch(`/v1/memories/${memoryId}`, { content: `${all}\nagain` })).status).toBe(200);
  });

  it('is text in a session, its list and its dialog', async () => {
    const tab = await suite.open();
    await tab.signIn('acme');
    await tab.page.getByRole('row').first().click();
    await tab.page.getByText('Result of the call').waitFor({ state: 'attached' });
    await tab.page.getByText('Other fields').click();
    expect(await tab.page.getByText(script).count()).toBeGreaterThan(5);
    await tab.button('Clear …').click();
    await tab.page.getByRole('alertdialog').getByText(script).waitFor();
    expect(await tab.page.locator('main img, main iframe, main svg, main script').count()).toBe(0);
  });

  it('is text in a memory, its list, its search, its history and its dialog', async () => {
    const tab = await suite.open();
    await tab.signIn('acme', '/memories');
    await tab.page.getByLabel('Search').fill(script);
    await tab.button('Search').click();
    await tab.page.getByRole('row').first().click();
    await tab.page.getByText('Revision 1', { exact: true }).waitFor();
    expect(await tab.page.getByText(script).count()).toBeGreaterThan(4);
    await tab.button('Edit').click();
    expect(await tab.page.getByLabel('Text').inputValue()).toBe(`${all}\nagain`);
    await tab.button('Cancel').click();
    await tab.button('Delete …').click();
    await tab.page.getByRole('alertdialog').getByText(script).first().waitFor();
    expect(await tab.page.locator('main img, main iframe, main svg, main script').count()).toBe(0);
  });

  it('could not run where the page put it in as it is: the policy refuses it', async () => {
    const tab = await suite.open();
    await tab.go();
    await tab.heading('Sign in').waitFor();
    await tab.page.evaluate(
      `document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="alert(6)">')`,
    );
    await tab.page.evaluate(
      `document.body.append(Object.assign(document.createElement('script'), { text: 'alert(7)' }))`,
    );
    const refused = tab.faults.splice(0);
    expect(refused.length).toBeGreaterThanOrEqual(2);
    for (const fault of refused) expect(fault).toMatch(/Content Security Policy/i);
  });
});

describeInChromium('two tenants in one tab', () => {
  const suite = useConsole();

  it('never see anything of each other', async () => {
    for (const tenant of ['red', 'blue']) {
      const messages = [{ role: 'user', content: `said by ${tenant}` }];
      await suite.service.as(tenant).post('/v1/sessions/shared/messages', { messages });
      await suite.service
        .as(tenant)
        .post('/v1/memories', { agentId: 'guide', content: `known to ${tenant}` });
    }
    const tab = await suite.open();
    await tab.signIn('red');
    await tab.row('shared').click();
    await tab.page.getByText('said by red').waitFor();
    await tab.view('Memories');
    await tab.row('known to red').waitFor();
    await tab.page.getByRole('link', { name: 'Add', exact: true }).click();
    await tab.page.getByLabel('Text').fill('typed by red');
    await tab.signOut();
    expect(
      await tab.page.evaluate<string>(`JSON.stringify(sessionStorage) + JSON.stringify(localStorage)`),
    ).not.toContain('red');

    await tab.page.goBack();
    await tab.heading('Sign in').waitFor();
    expect(await tab.page.getByText(/(said by|known to|typed by) red|^red$/).allTextContents()).toEqual([]);
    // From now on whatever is shown of red, for however short a time, is seen by the page itself.
    await tab.page.evaluate(`
      window.seen = [];
      new MutationObserver(() => {
        if (/(said by|known to|typed by) red/.test(document.body.innerText)) window.seen.push(document.body.innerText);
      }).observe(document.body, { subtree: true, childList: true, characterData: true });
    `);
    await tab.page.getByLabel('Tenant').fill('blue');
    await tab.button('Sign in').click();
    await tab.view('Memories');
    await tab.row('known to blue').waitFor();
    await tab.page.getByRole('link', { name: 'Add', exact: true }).click();
    expect(await tab.page.getByLabel('Text').inputValue()).toBe('');
    await tab.view('Sessions');
    await tab.row('shared').click();
    await tab.page.getByText('said by blue').waitFor();
    for (let step = 0; step < 6; step += 1) await tab.page.goBack({ timeout: 30_000 }).catch(() => null);
    expect(await tab.page.evaluate<unknown[] | undefined>('window.seen')).toEqual([]);
  });

  it('send nothing but what their own credential may', async () => {
    const tab = await suite.open();
    const tenants: (string | undefined)[] = [];
    tab.page.on('request', (request) => {
      if (request.url().includes('/v1/')) tenants.push(request.headers()['x-tenant-id']);
    });
    await tab.signIn('red', '/memories');
    await tab.row('known to red').waitFor();
    await tab.signOut();
    tenants.length = 0;
    await tab.signIn('blue', '/memories');
    await tab.row('known to blue').waitFor();
    expect(new Set(tenants)).toEqual(new Set(['blue']));
  });

  it('are not led anywhere by what another has begun', async () => {
    const tab = await suite.open();
    await suite.service
      .as('red')
      .post('/v1/sessions/secret/messages', { messages: [{ role: 'user', content: 'hello' }] });
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    await tab.page.route('**/v1/sessions/secret', async (route) => {
      await held;
      await route.continue();
    });
    await tab.signIn('red', '/sessions/secret');
    await tab.button('Clear …').click();
    await tab.button('Clear session').click();
    await tab.page.keyboard.press('Escape');
    await tab.page.getByRole('alertdialog').waitFor({ state: 'detached' });
    await tab.signOut();
    await tab.page.getByLabel('Tenant').fill('blue');
    await tab.button('Sign in').click();
    await tab.view('Memories');
    const answered = tab.page.waitForResponse('**/v1/sessions/secret');
    answer();
    await answered;
    await tab.page.waitForTimeout(500);
    expect(new URL(tab.page.url()).pathname).toBe('/console/memories');
    expect(await tab.page.locator('#announcements').textContent()).not.toContain('secret');
  });

  it('leave nothing behind: neither what was said to them nor a key that is checked meanwhile', async () => {
    const tab = await suite.open();
    await tab.signIn('red', '/compile');
    await tab.page.getByRole('combobox', { name: 'Thread' }).fill('shared');
    await tab.page.keyboard.press('Tab');
    await tab.page.getByRole('textbox', { name: 'Task' }).fill('Say it.');
    await tab.button('Compile').click();
    await tab.hears('Compiled.');
    const refusal = {
      status: 401,
      json: { status: 401, code: 'unauthenticated', title: 'No', detail: 'No.' },
    };
    await tab.page.route('**/v1/context/compile', (route) => route.fulfill(refusal));
    await tab.button('Compile').click();
    const again = tab.page.getByRole('dialog', { name: 'Sign in again' });
    await again.getByLabel('Tenant').fill('red');
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    await tab.page.route('**/v1/sessions?limit=1', async (route) => {
      await held;
      await route.continue();
    });
    await Promise.all([
      tab.page.waitForRequest('**/v1/sessions?limit=1'),
      again.getByRole('button', { name: 'Sign in' }).click(),
    ]);
    await again.getByRole('button', { name: 'Sign out' }).click();
    await tab.heading('Sign in').waitFor();
    expect(await tab.page.evaluate<string>('document.body.textContent')).not.toContain('Compiled.');
    const answered = tab.page.waitForResponse('**/v1/sessions?limit=1');
    answer();
    await answered;
    await tab.page.waitForTimeout(500);
    expect(await tab.page.evaluate<string>('JSON.stringify(sessionStorage)')).not.toContain('red');
  });
});
