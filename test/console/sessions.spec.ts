import { beforeAll, expect, it } from '@jest/globals';
import { describeInChromium } from './support/in-chromium.js';
import { useConsole } from './support/suite.js';

describeInChromium('the sessions of the console', () => {
  const suite = useConsole();
  const append = (tenant: string, thread: string, messages: unknown[]): Promise<unknown> =>
    suite.service.as(tenant).post(`/v1/sessions/${encodeURIComponent(thread)}/messages`, { messages });
  const say = (content: string): object => ({ role: 'user', content });

  beforeAll(async () => {
    await append('acme', 'trip', [
      say('To Lisbon, please.'),
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'call_1', type: 'function', function: { name: 'find_flights', arguments: '{"to":"LIS"}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'call_1', content: '[{"flight":"TP 533"}]' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Like this:' },
          { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
        ],
      },
    ]);
  });

  it('says how a session begins when there is none', async () => {
    const tab = await suite.open();
    await tab.signIn('nobody');
    await tab.page.getByText('No sessions yet').waitFor();
  });

  it('shows what was said, who called which tool, and what came of it', async () => {
    const tab = await suite.open();
    await tab.signIn('acme');
    await tab.row('trip').click();
    await tab.heading('trip').waitFor();
    const messages = tab.page.getByRole('list', { name: 'Messages, oldest first' }).getByRole('listitem');
    await messages.nth(3).waitFor();
    const texts = await messages.allInnerTexts();
    expect(texts[0]).toMatch(/user[\s\S]*To Lisbon, please\./i);
    expect(texts[1]).toMatch(/calls find_flights call_1[\s\S]*"to": "LIS"/);
    expect(texts[2]).toMatch(/Result of the call call_1[\s\S]*"flight": "TP 533"/);
    expect(texts[3]).toMatch(/Like this:[\s\S]*https:\/\/example\.com\/a\.png/);
    expect(await tab.page.locator('img').count()).toBe(0);
  });

  it('opens a thread by its address, whatever its id is', async () => {
    for (const thread of ['a/b', 'a%2Fb', 'ü ✈ ?#', '%', 'x.js', 'two\nlines']) {
      await append('odd', thread, [say(`said in ${thread}`)]);
      const tab = await suite.open();
      await tab.signIn('odd', `/sessions/${encodeURIComponent(thread)}`);
      await tab.page.getByText(`said in ${thread}`).waitFor();
      await tab.view('Memories');
      await tab.page.goBack();
      await tab.heading(thread).waitFor();
      await tab.view('Sessions');
      await tab.page.getByRole('row', { name: thread, exact: true }).click();
      await tab.page.getByText(`said in ${thread}`).waitFor();
    }
  });

  it('loads earlier messages when it is asked to, and the list page by page', async () => {
    for (let hundred = 0; hundred < 3; hundred += 1)
      await append(
        'long',
        'long',
        Array.from({ length: 40 }, (_, i) => say(`message ${hundred * 40 + i + 1}`)),
      );
    for (let i = 0; i < 105; i += 1) await append('long', `other ${i}`, [say('hello')]);
    const tab = await suite.open();
    await tab.signIn('long', '/sessions/long');
    await tab.page.getByText('message 120', { exact: true }).waitFor();
    expect(await tab.page.getByText('message 70', { exact: true }).count()).toBe(0);
    await tab.button('Load earlier messages').click();
    await tab.page.getByText('message 21', { exact: true }).waitFor({ state: 'attached' });
    await tab.hears('50 earlier messages loaded');
    await tab.button('Load earlier messages').click();
    await tab.page.getByText('message 1', { exact: true }).waitFor({ state: 'attached' });
    expect(await tab.button('Load earlier messages').count()).toBe(0);
    const list = tab.page.getByRole('grid', { name: 'Sessions, the last changed first' });
    expect(await list.getByRole('row', { name: 'other 0', exact: true }).count()).toBe(0);
    await tab.loadMore(list);
    await list.focus();
    await tab.page.keyboard.press('End');
    await list.getByRole('row', { name: 'other 0', exact: true }).waitFor();
  });

  it('clears a thread only after it was asked about it by name', async () => {
    await append('acme', 'to be cleared', [say('hello')]);
    const tab = await suite.open();
    await tab.signIn('acme');
    await tab.row('to be cleared').click();
    await tab.button('Clear …').click();
    const dialog = tab.page.getByRole('alertdialog', { name: 'Clear this session?' });
    await dialog.getByText('to be cleared').waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'detached' });
    expect((await suite.service.as('acme').get('/v1/sessions/to%20be%20cleared/messages')).status).toBe(200);
    await tab.button('Clear …').click();
    await dialog.getByRole('button', { name: 'Clear session' }).click();
    await tab.hears('Session to be cleared cleared');
    await tab.row('to be cleared').waitFor({ state: 'detached' });
    expect((await suite.service.as('acme').get('/v1/sessions/to%20be%20cleared/messages')).status).toBe(404);
  });

  it('says that a thread is not there, and what to do', async () => {
    const tab = await suite.open();
    await tab.signIn('acme', '/sessions/none');
    const alert = tab.page.getByRole('alert');
    await alert.getByText('not_found').waitFor();
    await alert.getByText('Go back to the list').waitFor();
  });
});
