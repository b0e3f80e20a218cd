import { beforeAll, expect, it } from '@jest/globals';
import type { Answer } from '../support/service.js';
import { describeInChromium } from './support/in-chromium.js';
import { useConsole } from './support/suite.js';

describeInChromium('the memories of the console', () => {
  const suite = useConsole();
  const store = (tenant: string, content: string, more: object = {}): Promise<Answer> =>
    suite.service.as(tenant).post('/v1/memories', { agentId: 'guide', content, ...more });

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
