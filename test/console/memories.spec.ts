import { beforeAll, expect, it } from '@jest/globals';
import type { Answer } from '../support/service.js';
import type { ConsolePage } from './support/console-page.js';
import { describeInChromium } from './support/in-chromium.js';
import { useConsole } from './support/suite.js';

describeInChromium('the memories of the console', () => {
  const suite = useConsole();
  const store = (tenant: string, content: string, more: object = {}): Promise<Answer> =>
    suite.service.as(tenant).post('/v1/memories', { agentId: 'guide', content, ...more });

  /** Requests of a method whose URL ends so wait until they are let go. */
  async function hold({ page }: ConsolePage, method: string, url: RegExp): Promise<() => void> {
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    await page.route(url, async (route) => {
      if (route.request().method() === method) await held;
      // Whoever asked may have gone.
      await route.continue().catch(() => undefined);
    });
    return letGo;
  }
  async function typeMemory({ page }: ConsolePage): Promise<void> {
    await page.getByRole('link', { name: 'Add', exact: true }).click();
    await page.getByLabel('Agent').last().fill('guide');
    await page.getByLabel('Text').fill('Likes the sea.');
  }

  beforeAll(async () => {
    await store('acme', 'Prefers window seats on trains.', { metadata: { kind: 'preference' } });
    await store('acme', 'Owns a red bicycle.', { agentId: 'garage' });
  });

  it('stores a memory, and keeps what was typed until it can', async () => {
    const tab = await suite.open();
    await tab.signIn('adding', '/memories');
    await tab.page.getByText('No memories yet').waitFor();
    await tab.page.getByRole('link', { name: 'Add', exact: true }).click();
    await tab.button('Store memory').click();
    await tab.page.getByText('Name the agent whose memory this is.').waitFor();
    await tab.page.getByLabel('Agent').last().fill('guide');
    await tab.page.getByLabel('Text').fill('Likes the sea.');
    await tab.page.getByLabel('Metadata (JSON)').fill('{"kind": }');
    await tab.button('Store memory').click();
    await tab.page.getByText(/This is not JSON/).waitFor();
    await tab.view('Sessions');
    await tab.view('Memories');
    await tab.page.getByRole('link', { name: 'Add', exact: true }).click();
    expect(await tab.page.getByLabel('Text').inputValue()).toBe('Likes the sea.');
    await tab.page.getByLabel('Metadata (JSON)').fill('{"kind": "taste"}');
    await tab.button('Store memory').click();
    await tab.hears('Memory stored');
    await tab.row('Likes the sea.').waitFor();
    const { body } = await suite.service.as('adding').get('/v1/memories');
    expect(body).toMatchObject({
      memories: [{ agentId: 'guide', content: 'Likes the sea.', metadata: { kind: 'taste' }, source: null }],
    });
  });

  it('takes nobody along whom a slow answer finds elsewhere, and keeps what was sent as it was', async () => {
    const tab = await suite.open();
    await tab.signIn('slow', '/memories');
    await typeMemory(tab);
    let letGo = await hold(tab, 'POST', /\/v1\/memories$/);
    await tab.button('Store memory').click();
    const text = tab.page.getByLabel('Text');
    await tab.page.locator('textarea[readonly]').first().waitFor();
    await tab.view('Compile');
    await tab.view('Memories');
    await tab.page.getByRole('link', { name: 'Add', exact: true }).click();
    expect(await text.inputValue()).toBe('Likes the sea.');
    expect(await text.isEditable()).toBe(false);
    await tab.button('Store memory').press('Enter');
    await tab.view('Compile');
    letGo();
    await tab.hears('Memory stored');
    await tab.heading('Compile').waitFor();
    await tab.view('Memories');
    await tab.row('Likes the sea.').click();
    await tab.button('Edit').click();
    await text.fill('Likes the lake.');
    letGo = await hold(tab, 'PATCH', /\/v1\/memories\/[^/]+$/);
    await tab.button('Save as revision 2').click();
    await tab.page.locator('textarea[readonly]').first().waitFor();
    await tab.view('Compile');
    letGo();
    await tab.hears('Saved as revision 2');
    await tab.heading('Compile').waitFor();
    const { body } = await suite.service.as('slow').get('/v1/memories');
    expect(body).toMatchObject({ memories: [{ content: 'Likes the lake.', revision: 2 }] });
    await tab.view('Memories');
    await tab.row('Likes the lake.').click();
    await tab.button('Delete …').click();
    letGo = await hold(tab, 'DELETE', /\/v1\/memories\/[^/]+$/);
    await tab.button('Delete memory').click();
    await tab.page.keyboard.press('Escape');
    await tab.view('Compile');
    letGo();
    await tab.hears('Memory deleted');
    await tab.heading('Compile').waitFor();
    await tab.view('Memories');
    await tab.page.getByText('No memories yet').waitFor();
  });

  it('leads nobody to a memory of the tenant who was signed in before', async () => {
    const tab = await suite.open();
    await tab.signIn('before', '/memories');
    await typeMemory(tab);
    const letGo = await hold(tab, 'POST', /\/v1\/memories$/);
    await tab.button('Store memory').click();
    await tab.page.locator('textarea[readonly]').first().waitFor();
    await tab.signOut();
    await tab.page.getByLabel('Tenant').fill('after');
    await tab.button('Sign in').click();
    await tab.heading('Sessions').waitFor();
    const answered = tab.page.waitForResponse(
      (response) => response.request().method() === 'POST' && response.url().endsWith('/v1/memories'),
    );
    letGo();
    await (await answered).finished();
    // Long enough for a page to go where it should not.
    await tab.page.waitForTimeout(500);
    expect(new URL(tab.page.url()).pathname).toBe('/console/sessions');
  });

  it('shows nothing of the search before under a new one, and keeps what is typed', async () => {
    const tab = await suite.open();
    await tab.signIn('acme', '/memories');
    const search = tab.page.getByLabel('Search');
    await search.fill('bicycle');
    await tab.button('Search').click();
    await tab.row(/Owns a red bicycle/).waitFor();
    await search.fill('window seats');
    await tab.page.getByLabel('Agent').fill('guide');
    await tab.view('Sessions');
    await tab.view('Memories');
    expect(await search.inputValue()).toBe('window seats');
    expect(await tab.page.getByLabel('Agent').inputValue()).toBe('guide');
    const letGo = await hold(tab, 'POST', /\/v1\/memories\/search$/);
    const asked = tab.page.waitForRequest(/\/v1\/memories\/search$/);
    await tab.page.getByLabel('Found by').selectOption('lexical');
    expect((await asked).postDataJSON()).toMatchObject({
      query: 'window seats',
      agentId: 'guide',
      mode: 'lexical',
    });
    await tab.page.getByText('Searching').waitFor();
    expect(await tab.page.getByRole('row').count()).toBe(0);
    letGo();
    await tab.row(/Prefers window seats/).waitFor();
  });

  it('finds by meaning and shows the score of each channel', async () => {
    const tab = await suite.open();
    await tab.signIn('acme', '/memories');
    await tab.page.getByLabel('Search').fill('Which seats on trains?');
    await tab.button('Search').click();
    const row = tab.row(/Prefers window seats/);
    await row.getByText(/^words \d+\.\d\d$/).waitFor();
    await row.getByText(/^vectors -?\d\.\d{3}$/).waitFor();
    await tab.hears('found');
    await tab.page.getByLabel('Found by').selectOption('semantic');
    await row.getByText('words –').waitFor();
    await tab.page.getByLabel('Found by').selectOption('lexical');
    await row.getByText('vectors –').waitFor();
    await tab.page.getByLabel('Search').fill('zzzz');
    await tab.page.getByLabel('Search').press('Enter');
    await tab.page.getByText('Nothing was found').waitFor();
    await tab.button('Show all').click();
    await tab.row(/Owns a red bicycle/).waitFor();
    await tab.page.getByLabel('Agent').fill('garage');
    await tab.button('Search').click();
    await tab.row(/Prefers window seats/).waitFor({ state: 'detached' });
    await tab.row(/Owns a red bicycle/).waitFor();
  });

  it('changes a memory into a new revision and shows the one before', async () => {
    const { body } = await store('editing', 'Lives in Bremen.', { metadata: { kind: 'fact' } });
    const { memoryId } = body as { memoryId: string };
    const tab = await suite.open();
    await tab.signIn('editing', `/memories/${memoryId}`);
    await tab.button('Edit').click();
    await tab.page.getByLabel('Text').fill('Lives in Hamburg.');
    await tab.page.getByLabel('Metadata (JSON)').fill('["fact"]');
    await tab.button('Save as revision 2').click();
    await tab.page.getByText(/Metadata is a JSON object/).waitFor();
    await tab.page.getByLabel('Metadata (JSON)').fill('{"kind": "fact", "since": 2026}');
    await tab.button('Save as revision 2').click();
    await tab.hears('Saved as revision 2');
    const history = tab.page.getByRole('region', { name: 'History' });
    await history.getByText('Lives in Bremen.').waitFor();
    await history.getByText('Revision 2').waitFor();
    await tab.row('Lives in Hamburg.').waitFor();
    expect((await suite.service.as('editing').get(`/v1/memories/${memoryId}`)).body).toMatchObject({
      content: 'Lives in Hamburg.',
      metadata: { kind: 'fact', since: 2026 },
      revision: 2,
    });
  });

  it('tells that somebody changed it meanwhile, before it is saved over', async () => {
    const { body } = await store('racing', 'First.');
    const { memoryId } = body as { memoryId: string };
    const tab = await suite.open();
    await tab.signIn('racing', `/memories/${memoryId}`);
    await tab.button('Edit').click();
    await tab.page.getByLabel('Text').fill('Mine.');
    await suite.service.as('racing').patch(`/v1/memories/${memoryId}`, { content: 'Theirs.' });
    await tab.view('Sessions');
    await tab.page.goBack();
    await tab.page.getByText(/Somebody changed it meanwhile/).waitFor();
    expect(await tab.page.getByLabel('Text').inputValue()).toBe('Mine.');
  });

  it('deletes a memory only after it was asked', async () => {
    const { body } = await store('deleting', 'To be forgotten.');
    const { memoryId } = body as { memoryId: string };
    const tab = await suite.open();
    await tab.signIn('deleting', '/memories');
    await tab.row('To be forgotten.').click();
    await tab.button('Delete …').click();
    const dialog = tab.page.getByRole('alertdialog', { name: 'Delete this memory of guide?' });
    await dialog.getByText('To be forgotten.').waitFor();
    await tab.page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await tab.button('Delete …').click();
    await dialog.getByRole('button', { name: 'Delete memory' }).click();
    await tab.page.getByText('No memories yet').waitFor();
    expect((await suite.service.as('deleting').get(`/v1/memories/${memoryId}`)).status).toBe(404);
  });

  it('scrolls through a long list without loading or rendering all of it', async () => {
    const memories = Array.from({ length: 1_000 }, (_, i) => ({
      agentId: 'guide',
      content: `Memory number ${i + 1}`,
    }));
    expect((await suite.service.as('many').post('/v1/memories/batch', { memories })).status).toBe(201);
    const tab = await suite.open();
    const requests: string[] = [];
    tab.page.on('request', (request) => {
      if (request.url().includes('/v1/memories')) requests.push(request.url());
    });
    await tab.signIn('many', '/memories');
    const list = tab.page.getByRole('grid', { name: 'Memories, newest first' });
    await list.getByRole('row').first().waitFor();
    expect(requests.length).toBe(1);
    for (let page = 2; page <= 4; page += 1) await tab.loadMore(list);
    // A page is 100, of ten. Who scrolls on before the rows are there may ask for one more each time.
    expect(requests.length).toBeGreaterThanOrEqual(4);
    expect(requests.length).toBeLessThan(9);
    expect(await list.getByRole('row').count()).toBeLessThan(40);
    expect(await tab.page.evaluate<number>(`document.querySelectorAll('*').length`)).toBeLessThan(600);
  });
});
