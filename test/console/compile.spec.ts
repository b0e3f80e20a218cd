// Over 200 lines: one service and one browser for all of the compile view.
import { beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import type { WorkingContext } from '../../src/working-context/working-context.js';
import type { ConsolePage } from './support/console-page.js';
import { describeInChromium } from './support/in-chromium.js';
import { useConsole } from './support/suite.js';

const SCRIPT = `<script>alert('x')</script><img src=x onerror="alert('y')">`;

describeInChromium('the compile view of the console', () => {
  const suite = useConsole({
    budget: { tiers: { small: 1_000, large: 8_000 }, defaultTier: 'small' },
  });
  const append = (tenant: string, thread: string, messages: unknown[]): Promise<unknown> =>
    suite.service.as(tenant).post(`/v1/sessions/${encodeURIComponent(thread)}/messages`, { messages });
  const remember = (tenant: string, content: string): Promise<unknown> =>
    suite.service.as(tenant).post('/v1/memories', { agentId: 'support', content });

  beforeAll(async () => {
    await append('acme', 'support-17', [
      { role: 'system', content: 'You work for a parcel service.', id: 'head' },
      ...Array.from({ length: 30 }, (_, n) => ({
        role: n % 2 ? 'assistant' : 'user',
        content: `Message ${n + 1} about the parcel from Lyon, and where it is now.`,
        id: `m${n + 1}`,
      })),
    ]);
    await append('acme', 'other', [{ role: 'user', content: 'Something else.' }]);
    await remember('acme', 'Parcels go to the neighbour in number 12.');
    await remember('acme', `A parcel was refused. ${SCRIPT}`);
    await remember('acme', `Long notes of the parcel. ${'The parcel waits at the depot. '.repeat(60)}`);
  });

  const region = (page: Page, name: string) => page.getByRole('region', { name, exact: true });
  async function fill(
    { page }: ConsolePage,
    thread: string,
    task = 'Say where the parcel is.',
  ): Promise<void> {
    await page.getByRole('combobox', { name: 'Thread' }).fill(thread);
    // Leaving the field closes its list, behind which nothing else can be reached.
    await page.keyboard.press('Tab');
    await page.getByRole('textbox', { name: 'Task' }).fill(task);
  }
  /** Compiles and gives what the service answered to the page. */
  async function compile(tab: ConsolePage): Promise<WorkingContext> {
    const [answer] = await Promise.all([
      tab.page.waitForResponse((response) => response.url().endsWith('/v1/context/compile')),
      tab.button('Compile').click(),
    ]);
    const compiled = (await answer.json()) as WorkingContext;
    const total = compiled.tokenUsage.total.toLocaleString('en');
    await tab.page.getByRole('heading', { name: new RegExp(`^${total} of`) }).waitFor();
    return compiled;
  }

  it('shows the sections against the budget, and each part with what became of it and why', async () => {
    const tab = await suite.open();
    await tab.signIn('acme', '/compile');
    await tab.page.getByText('Nothing is compiled yet').waitFor();
    await tab.page.getByRole('combobox', { name: 'Thread' }).fill('17');
    await tab.page.getByRole('option', { name: /support-17/ }).click();
    await tab.page.getByRole('textbox', { name: 'Task' }).fill('Say where the parcel is.');
    await tab.page.getByRole('textbox', { name: 'System prompt' }).fill('Be brief.');
    const { tokenUsage, budget, receipt } = await compile(tab);
    await tab.hears('Compiled.');

    const bar = tab.page.getByRole('img', { name: /^Tokens: / });
    const words = await bar.getAttribute('aria-label');
    expect(words).toContain(`Session history ${tokenUsage.session} of ${budget.sessionHistory}`);
    expect(words).toContain(`Memories ${tokenUsage.memory} of ${budget.relevantContext}`);
    const row = tab.page.getByRole('row', { name: /^Session history/ });
    const dropped = receipt.items.filter(
      ({ tier, decision }) => tier === 'session' && decision === 'dropped',
    );
    expect(dropped.length).toBeGreaterThan(0);
    await row.getByText(new RegExp(`${dropped.length} dropped`)).waitFor();

    const history = region(tab.page, 'Session history');
    await history
      .getByText('An instruction at the head of the thread is kept before anything else.')
      .waitFor();
    await history.getByText('What the user said last is kept before anything else.').waitFor();
    await tab.page.getByRole('radio', { name: /^Dropped/ }).click();
    expect(await history.getByRole('listitem').count()).toBe(dropped.length);
    // What was dropped is shown by what it says, though the answer does not hold it.
    const [first] = dropped;
    await history.getByText(`Message ${first?.id.slice(1)} about the parcel`).click();
    await history
      .getByText(first?.reason ?? '')
      .first()
      .waitFor();
    await tab.page.getByRole('radio', { name: /^Shortened/ }).click();
    const memories = region(tab.page, 'Memories');
    await memories.getByText('It is longer than the room that was left, so it was cut at its end.').waitFor();
    await memories.getByText(/score/).first().waitFor();
  });

  it('shows the prompt that is sent, copies it as the service answered it, and marks what the turn before had too', async () => {
    const tab = await suite.open({ permissions: ['clipboard-read', 'clipboard-write'] });
    await tab.signIn('acme', '/compile/support-17');
    expect(await tab.page.getByRole('combobox', { name: 'Thread' }).inputValue()).toBe('support-17');
    await fill(tab, 'support-17');
    await tab.page.getByText('More settings').click();
    for (const format of ['openai', 'anthropic', 'langchain']) {
      await tab.page.getByLabel('Format').selectOption(format);
      const answer = await compile(tab);
      await tab.page.getByRole('tab', { name: 'Prompt' }).click();
      await tab.button('Copy prompt').click();
      await tab.button('Copied').waitFor();
      const copied = JSON.parse(await tab.page.evaluate<string>(`navigator.clipboard.readText()`)) as unknown;
      expect(copied).toEqual((answer as { prompt?: unknown }).prompt);
      expect(copied).toBeTruthy();
    }
    // Receipts are written after the answer: the turn before is known a moment later.
    let again = await compile(tab);
    for (let turn = 0; turn < 20 && again.receipt.sharedPrefix?.share !== 1; turn++)
      again = await compile(tab);
    expect(again.receipt.sharedPrefix).toMatchObject({ share: 1 });
    await tab.page.getByText('As in the turn before', { exact: true }).waitFor();
    await tab.page.getByText(/^Up to here as in the turn before/).waitFor();
    await tab.page.getByRole('list').filter({ hasText: '<memories>' }).waitFor();
  });

  it('selects the prompt where the browser does not let it be copied', async () => {
    const tab = await suite.open();
    await tab.signIn('acme', '/compile');
    await tab.page.evaluate(`Object.defineProperty(navigator, 'clipboard', { value: undefined })`);
    await fill(tab, 'support-17');
    const answer = await compile(tab);
    await tab.page.getByRole('tab', { name: 'Prompt' }).click();
    await tab.button('Copy prompt').click();
    await tab.button('Selected: press Ctrl + C').waitFor();
    await tab.expectFocusIn('The prompt as JSON');
    const selected = await tab.page.evaluate<string>(`getSelection().toString()`);
    expect(JSON.parse(selected)).toEqual((answer as { prompt?: unknown }).prompt);
  });

  it('says by how much a task is more than its budget and compiles it all the same when told how', async () => {
    const tab = await suite.open();
    await tab.signIn('acme', '/compile');
    const task = `Sum up: ${'where the parcel was and is '.repeat(40)}`;
    await fill(tab, 'support-17', task);
    await tab.page.getByText('More settings').click();
    await tab.page.getByLabel('A prompt or task that is too long').selectOption('refuse');
    await tab.button('Compile').click();
    const alert = tab.page.getByRole('alert');
    await alert.getByText(/^The task needs \d+ tokens and \d+ are available: \d+ too many\.$/).waitFor();
    expect(await tab.page.getByRole('textbox', { name: 'Task' }).inputValue()).toBe(task);
    await tab.expectAccessible();
    await tab.button('Compile with large (8,000)').click();
    await tab.page.getByRole('heading', { name: /of 8,000 tokens/ }).waitFor();
    expect(await alert.count()).toBe(0);
    expect(await tab.page.getByLabel('Model tier').inputValue()).toBe('large');
    await tab.page.getByLabel('Model tier').selectOption('small');
    await tab.button('Compile').click();
    await tab.button('Cut it and compile').click();
    await tab.page.getByRole('heading', { name: /of 1,000 tokens/ }).waitFor();
    await region(tab.page, 'Task').getByText('shortened', { exact: false }).first().waitFor();
  });

  it('loses nothing that was typed when the service is away, refuses, or another view was open', async () => {
    const tab = await suite.open();
    await tab.signIn('acme', '/compile');
    await tab.button('Compile').click();
    await tab.page.getByText('Choose a thread, or type the id of one.').waitFor();
    await tab.page.getByText('Say what the model is to do.').waitFor();
    await fill(tab, 'support-17', 'Typed with care.');
    await tab.page.getByRole('textbox', { name: 'System prompt' }).fill('Also typed.');
    await tab.page.route('**/v1/context/compile', (route) => route.abort());
    await tab.button('Compile').click();
    await tab.page.getByRole('alert').getByText('The service does not answer').waitFor();
    await tab.view('Sessions');
    await tab.view('Compile');
    expect(await tab.page.getByRole('textbox', { name: 'Task' }).inputValue()).toBe('Typed with care.');
    expect(await tab.page.getByRole('textbox', { name: 'System prompt' }).inputValue()).toBe('Also typed.');
    await tab.page.getByRole('alert').getByText('The service does not answer').waitFor();
    await tab.page.unroute('**/v1/context/compile');
    await compile(tab);
    expect(await tab.page.getByRole('alert').count()).toBe(0);
    await tab.page.getByText('More settings').click();
    await tab.page.getByLabel('Counted for the model').fill('x'.repeat(190));
    await tab.page.getByLabel('Agent').fill('nobody');
    await tab.page.getByLabel('Memory limit').fill('1001');
    await tab.button('Compile').click();
    await tab.page.getByText('A whole number from 0 to 1,000.').waitFor();
    expect(await tab.page.getByLabel('Agent').inputValue()).toBe('nobody');
  });

  it('takes a memory limit as people write it', async () => {
    const tab = await suite.open();
    await tab.signIn('acme', '/compile');
    await fill(tab, 'support-17');
    await tab.page.getByText('More settings').click();
    await tab.page.getByLabel('Memory limit').clear();
    await tab.page.getByLabel('Memory limit').pressSequentially('1,000');
    const { receipt } = await compile(tab);
    expect(receipt.items.filter(({ tier }) => tier === 'memory').length).toBe(3);
    expect(await tab.page.getByLabel('Memory limit').inputValue()).toBe('1,000');
  });

  it('goes on while another view is open, and says there what came of it', async () => {
    const tab = await suite.open();
    await tab.signIn('acme', '/compile');
    await fill(tab, 'support-17');
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    await tab.page.route('**/v1/context/compile', async (route) => {
      await held;
      await route.continue();
    });
    await tab.button('Compile').click();
    await tab.view('Sessions');
    await tab.view('Compile');
    await tab.button('Compiling …').waitFor();
    await tab.view('Sessions');
    answer();
    await tab.hears('Compiled.');
    await tab.view('Compile');
    await tab.page.getByRole('heading', { name: /of 1,000 tokens/ }).waitFor();
    await tab.button('Compile').waitFor();

    await tab.page.unroute('**/v1/context/compile');
    await tab.page.route('**/v1/context/compile', (route) => route.abort());
    await Promise.all([tab.page.waitForRequest('**/v1/context/compile'), tab.button('Compile').click()]);
    await tab.view('Sessions');
    await tab.view('Compile');
    await tab.page.getByRole('alert').getByText('The service does not answer').waitFor();
  });

  it('says what could not be used', async () => {
    const tab = await suite.open();
    await append('acme', 'with a picture', [
      { role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'x', format: 'wav' } }] },
    ]);
    await tab.signIn('acme', '/compile');
    await fill(tab, 'with a picture');
    await tab.page.getByText('More settings').click();
    await tab.page.getByLabel('Format').selectOption('anthropic');
    const { degraded } = await compile(tab);
    expect(degraded[0]?.code).toBe('unsupported_content');
    const notice = region(tab.page, 'What could not be used');
    await notice.getByText(degraded[0]?.detail ?? '').waitFor();
  });

  it('compares two compiles: their bars, their settings, and what only one of them sends', async () => {
    const tab = await suite.open();
    await tab.signIn('acme', '/compile');
    await fill(tab, 'support-17');
    const small = await compile(tab);
    await tab.button('Pin to compare').click();
    await tab.page.getByText(/^Pinned\./).waitFor();
    await tab.page.getByLabel('Model tier').selectOption('large');
    const large = await compile(tab);
    await tab.page.getByRole('tab', { name: 'Compare' }).click();
    await tab.page.getByRole('img', { name: /^Tokens of A: .* of 1,000/ }).waitFor();
    await tab.page.getByRole('img', { name: /^Tokens of B: .* of 8,000/ }).waitFor();
    const settings = region(tab.page, 'Settings that differ');
    await settings.getByRole('row', { name: 'Model tier as the service says large' }).waitFor();
    expect(await settings.getByRole('row').count()).toBe(2);

    const sent = ({ receipt }: WorkingContext): string[] =>
      receipt.items.filter(({ decision }) => decision !== 'dropped').map(({ tier, id }) => `${tier} ${id}`);
    const onlyLarge = sent(large).filter((item) => !sent(small).includes(item));
    expect(onlyLarge.length).toBeGreaterThan(0);
    await tab.page.getByRole('radio', { name: `Only in B ${onlyLarge.length}` }).click();
    const parts = region(tab.page, 'Parts that differ');
    expect(await parts.getByRole('row').count()).toBe(1 + onlyLarge.length);
    await tab.page.getByRole('radio', { name: 'Only in A 0' }).click();
    await parts.getByText('There is none.').waitFor();
    await tab.expectAccessible();

    await fill(tab, 'other');
    await compile(tab);
    await settings.getByRole('row', { name: 'Thread support-17 other' }).waitFor();
    // What is pinned stays while another view is open, and goes when it is told to.
    await tab.view('Memories');
    await tab.view('Compile');
    await tab.page.getByRole('tab', { name: 'Compare' }).waitFor();
    await tab.button('Pin this one instead').click();
    await tab.button('Unpin').click();
    expect(await tab.page.getByRole('tab', { name: 'Compare' }).count()).toBe(0);
  });

  it('offers threads that arrive after the first letters of one were typed', async () => {
    await append('late', 'support-99', [{ role: 'user', content: 'hello' }]);
    const tab = await suite.open();
    let arrive: () => void = () => undefined;
    const typed = new Promise<void>((resolve) => (arrive = resolve));
    await tab.page.route(/\/v1\/sessions\?limit=1000/, async (route) => {
      await typed;
      await route.continue();
    });
    await tab.signIn('late', '/compile');
    await tab.page.getByRole('combobox', { name: 'Thread' }).fill('99');
    await tab.page.getByText('The threads are being read').waitFor();
    arrive();
    await tab.page.getByRole('option', { name: /support-99/ }).click();
    expect(await tab.page.getByRole('combobox', { name: 'Thread' }).inputValue()).toBe('support-99');
  });

  it('shows hostile texts and ids as text', async () => {
    const thread = `${SCRIPT} \u202e thread`;
    await append('hostile', thread, [
      { role: 'user', content: SCRIPT, id: `id ${SCRIPT}`, name: SCRIPT },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c', type: 'function', function: { name: SCRIPT, arguments: SCRIPT } }],
      },
      { role: 'tool', tool_call_id: 'c', content: SCRIPT },
    ]);
    await remember('hostile', `parcel ${SCRIPT} </memories>`);
    const tab = await suite.open();
    await tab.signIn('hostile', '/compile');
    await tab.page.getByRole('combobox', { name: 'Thread' }).fill('script');
    await tab.page.getByRole('option', { name: /script/ }).click();
    await tab.page.getByRole('textbox', { name: 'Task' }).fill(`parcel ${SCRIPT}`);
    await tab.page.getByRole('textbox', { name: 'System prompt' }).fill(SCRIPT);
    await compile(tab);
    for (const name of ['System prompt', 'Session history', 'Memories', 'Task'])
      await region(tab.page, name).getByText(SCRIPT).first().waitFor();
    for (const summary of await tab.page.locator('summary.item-head').all()) await summary.click();
    await tab.page.getByText(`id ${SCRIPT}`).first().waitFor();
    await tab.button('Pin to compare').click();
    await tab.page.getByRole('tab', { name: 'Prompt' }).click();
    await tab.page.getByText(SCRIPT).first().waitFor();
    await tab.page.getByRole('radio', { name: /^JSON/ }).click();
    await tab.page.getByLabel('The prompt as JSON').waitFor();
    await tab.page.getByRole('textbox', { name: 'Task' }).fill(`another parcel ${SCRIPT}`);
    await compile(tab);
    await tab.page.getByRole('tab', { name: 'Compare' }).click();
    await region(tab.page, 'Settings that differ').getByText(SCRIPT).first().waitFor();
    expect(await tab.page.locator('main img:not([role]), main script').count()).toBe(0);
  });

  it.each(['light', 'dark'] as const)(
    'is accessible in the %s theme, and fits a narrow screen',
    async (colorScheme) => {
      const tab = await suite.open({ colorScheme, viewport: { width: 360, height: 740 } });
      await tab.signIn('acme', '/compile');
      await tab.expectAccessible();
      await fill(tab, 'support-17');
      await compile(tab);
      for (const name of [/^Decisions/, 'Prompt']) {
        await tab.page.getByRole('tab', { name }).click();
        await tab.expectAccessible();
        await tab.expectNoSidewaysScroll();
      }
      await tab.page.setViewportSize({ width: 1280, height: 800 });
      await tab.expectAccessible();
    },
  );

  it('needs no mouse', async () => {
    const tab = await suite.open();
    await tab.signIn('acme', '/compile');
    const { keyboard } = tab.page;
    await tab.page.getByRole('combobox', { name: 'Thread' }).focus();
    await keyboard.type('support');
    await tab.page.getByRole('option', { name: /support-17/ }).waitFor();
    await keyboard.press('ArrowDown');
    await keyboard.press('Enter');
    await keyboard.press('Tab');
    await keyboard.press('Tab');
    await keyboard.type('Say where it is.');
    await keyboard.press('Control+Enter');
    await tab.page.getByRole('heading', { name: /of 1,000 tokens/ }).waitFor();
    expect(await tab.page.getByRole('combobox', { name: 'Thread' }).inputValue()).toBe('support-17');
    await tab.page.getByRole('tab', { name: /^Decisions/ }).focus();
    await keyboard.press('ArrowRight');
    await tab.button('Copy prompt').waitFor();
    await keyboard.press('ArrowLeft');
    await keyboard.press('Tab');
    await keyboard.press('ArrowRight');
    await keyboard.press('Enter');
    expect(await tab.page.getByRole('radio', { name: /^Kept/ }).getAttribute('aria-checked')).toBe('true');
    await keyboard.press('Tab');
    await keyboard.press('Enter');
    await tab.page.locator('details[open] .item-body').first().waitFor();
  });

  it('keeps tenants apart, also what one has typed', async () => {
    const tab = await suite.open();
    await tab.signIn('acme', '/compile');
    await fill(tab, 'support-17', 'A secret of acme.');
    await compile(tab);
    await tab.signOut();
    await tab.signIn('globex', '/compile');
    await tab.page.getByText('Nothing is compiled yet').waitFor();
    expect(await tab.page.getByRole('textbox', { name: 'Task' }).inputValue()).toBe('');
    await fill(tab, 'support-17');
    await compile(tab);
    await tab.page.getByText('The thread has no messages.').waitFor();
    await tab.page.getByText('No memory matched the task.').waitFor();
  });
});
