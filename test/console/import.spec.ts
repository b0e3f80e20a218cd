// Over 200 lines: one service and one browser for all of the import.
import { expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsolePage } from './support/console-page.js';
import { describeInChromium } from './support/in-chromium.js';
import { useConsole } from './support/suite.js';

const SCRIPT = `<script>alert('x')</script><img src=x onerror="alert('y')">`;
type Message = Record<string, unknown>;
const chat = (name: string, length: number): Message[] =>
  Array.from({ length }, (_, n) => ({
    role: n % 2 ? 'assistant' : 'user',
    content: `${name} says ${n + 1}`,
  }));
const lines = (...chats: Message[][]): string =>
  chats.map((messages) => JSON.stringify({ messages })).join('\n');

describeInChromium('the import of the console', () => {
  const suite = useConsole({ http: { bodyLimit: 16_384 } });
  const threadsOf = async (tenant: string): Promise<Record<string, number>> => {
    const { body } = await suite.service.as(tenant).get('/v1/sessions?limit=1000');
    const { sessions } = body as { sessions: { threadId: string; messageCount: number }[] };
    return Object.fromEntries(sessions.map(({ threadId, messageCount }) => [threadId, messageCount]));
  };
  const contentsOf = async (tenant: string, threadId: string): Promise<unknown[]> => {
    const path = `/v1/sessions/${encodeURIComponent(threadId)}/messages?limit=1000`;
    const { body } = await suite.service.as(tenant).get(path);
    return (body as { messages: Message[] }).messages.map(({ content }) => content);
  };
  async function choose({ page }: ConsolePage, name: string, text: string | Buffer): Promise<void> {
    const [chooser] = await Promise.all([
      page.waitForEvent('filechooser'),
      page.getByRole('button', { name: 'Choose a file' }).click(),
    ]);
    await chooser.setFiles({ name, mimeType: 'application/json', buffer: Buffer.from(text) });
  }
  /** Sooner or later. */
  async function expectNone(list: () => readonly unknown[]): Promise<void> {
    for (let tried = 0; tried < 200 && list().length > 0; tried++) await sleep(100);
    expect(list()).toHaveLength(0);
  }
  /** Files of these names, with a text in each, are dropped at once. */
  const drop = ({ page }: ConsolePage, names: readonly string[], text: string): Promise<unknown> =>
    page.evaluate(
      `(() => {
        // Of files that come from no disk there are no entries.
        delete DataTransferItem.prototype.webkitGetAsEntry;
        const dataTransfer = new DataTransfer();
        for (const name of ${JSON.stringify(names)})
          dataTransfer.items.add(new File([${JSON.stringify(text)}], name));
        const dropped = new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer });
        document.querySelector('.drop').dispatchEvent(dropped);
      })()`,
    );
  /** Whatever is asked of a worker waits until it is let go. */
  const hold = ({ page }: ConsolePage): Promise<unknown> =>
    page.evaluate(
      `(() => {
        const post = Worker.prototype.postMessage;
        const held = [];
        Worker.prototype.postMessage = function (...sent) {
          held.push(() => post.apply(this, sent));
        };
        window.letGo = () => {
          Worker.prototype.postMessage = post;
          for (const send of held) send();
        };
      })()`,
    );
  /** Whether the browser would ask before it closes the tab. */
  const asksBeforeLeaving = ({ page }: ConsolePage): Promise<boolean> =>
    page.evaluate(`!window.dispatchEvent(new Event('beforeunload', { cancelable: true }))`);
  const paste = async (tab: ConsolePage, text: string): Promise<void> => {
    await tab.page.getByLabel('Or paste it').fill(text);
    await tab.button('Read this text').click();
  };

  it('shows what is in a file before it sends anything, and then each message once', async () => {
    const tab = await suite.open();
    await tab.signIn('acme', '/import');
    await choose(
      tab,
      'chats.jsonl',
      `${lines(chat('Ada', 700), chat('Bo', 3), [{ role: 'human', content: 'x' }])}\n{"a":`,
    );
    await tab.heading('chats.jsonl').waitFor();
    await tab.page.getByText('2 places cannot be imported').click();
    await tab.page.getByText('has the role “human”').waitFor();
    await tab.page.getByText('line 4').waitFor();
    await tab.page.getByText('Nothing in it can be imported').waitFor();
    expect(await threadsOf('acme')).toEqual({});
    await tab.page.getByLabel('Thread ids begin with').fill('from-ada-');
    await tab.page.getByLabel('Thread id of line 2').fill('bo');
    await tab.expectAccessible();
    await tab.button('Import 2 conversations (703 messages)').click();
    await tab.heading('Everything is imported').waitFor();
    expect(await tab.page.getByRole('progressbar').getAttribute('value')).toBe('703');
    expect(await threadsOf('acme')).toEqual({ 'from-ada-1': 700, bo: 3 });
    expect(await contentsOf('acme', 'from-ada-1')).toEqual(chat('Ada', 700).map(({ content }) => content));
    await tab.expectAccessible();
    await tab.page.getByRole('link', { name: 'bo', exact: true }).click();
    await tab.page.getByText('Bo says 3').waitFor();
  });

  it('takes ChatGPT’s own export, and says what stays behind', async () => {
    const said = (role: string, text: string): object => ({
      author: { role },
      content: { content_type: 'text', parts: [text] },
    });
    const conversation = {
      ...{ title: 'Bikes', conversation_id: 'c-1', current_node: 'b' },
      mapping: {
        a: {
          id: 'a',
          parent: null,
          children: ['b', 'x'],
          message: { id: 'a', ...said('user', 'Which train?') },
        },
        b: { id: 'b', parent: 'a', children: [], message: { id: 'b', ...said('assistant', 'The 9:10.') } },
        x: { id: 'x', parent: 'a', children: [], message: { id: 'x', ...said('assistant', 'Another one.') } },
      },
    };
    const tab = await suite.open();
    await tab.signIn('gpt', '/import');
    await choose(tab, 'conversations.json', JSON.stringify([conversation]));
    await tab.page.getByText(/1 × messages of other branches/).waitFor();
    await tab.button('Import 1 conversation (2 messages)').click();
    await tab.heading('Everything is imported').waitFor();
    expect(await contentsOf('gpt', 'chatgpt-c-1')).toEqual(['Which train?', 'The 9:10.']);
  });

  it('goes on after an interruption and after a lost answer, and stores nothing twice', async () => {
    const tab = await suite.open();
    await tab.signIn('torn', '/import');
    const all = [chat('One', 450), chat('Two', 250)];
    await choose(tab, 'torn.jsonl', lines(...all));
    let requests = 0;
    // The service has stored the second batch, and nobody learns of it; then it is away.
    await tab.page.route('**/v1/sessions/*/messages', async (route) => {
      requests += 1;
      if (requests === 1) return route.continue();
      if (requests === 2) await route.fetch();
      return route.abort('connectionreset');
    });
    await tab.button('Import 2 conversations (700 messages)').click();
    await tab.heading('The import is interrupted').waitFor({ timeout: 120_000 });
    await tab.page.getByText('The service does not answer').waitFor();
    await tab.expectAccessible();
    // Another view does not stop or forget it.
    await tab.view('Sessions');
    await tab.view('Import');
    await tab.page.unroute('**/v1/sessions/*/messages');
    await tab.button('Go on').click();
    await tab.heading('Everything is imported').waitFor();
    const stored = await Promise.all(['torn-1', 'torn-2'].map((thread) => contentsOf('torn', thread)));
    expect(stored).toEqual(all.map((messages) => messages.map(({ content }) => content)));

    // Nor does the same file in a page that knows nothing of it.
    await tab.go('/import');
    await choose(tab, 'torn.jsonl', lines(...all));
    await tab.button('Import 2 conversations (700 messages)').click();
    await tab.heading('Everything is imported').waitFor();
    expect(await threadsOf('torn')).toEqual({ 'torn-1': 450, 'torn-2': 250 });
  });

  it('leaves a thread as it is when a newer export holds more of its conversation', async () => {
    const tab = await suite.open();
    await tab.signIn('grown', '/import');
    for (const [length, where, end, stored] of [
      [250, 'refuse', 'Everything is imported', 250],
      [260, 'refuse', 'Imported, but for 1 conversation', 250],
      [250, 'refuse', 'Everything is imported', 250],
      [260, 'add', 'Everything is imported', 510],
      [260, 'add', 'Everything is imported', 510],
    ] as const) {
      await choose(tab, 'grown.json', JSON.stringify(chat('Ada', length)));
      await tab.page.getByLabel('Where a thread exists already').selectOption(where);
      await tab.button(`Import 1 conversation (${length} messages)`).click();
      await tab.heading(end).waitFor();
      expect(await threadsOf('grown')).toEqual({ grown: stored });
      await tab.button('Import something else').click();
    }
  });

  it('lets one conversation fail alone, and tries it again as it is told to', async () => {
    await suite.service.as('part').post('/v1/sessions/part-2/messages', { messages: chat('There', 1) });
    const tab = await suite.open();
    await tab.signIn('part', '/import');
    const huge = [{ role: 'user', content: 'x'.repeat(20_000) }];
    await choose(tab, 'part.jsonl', lines(chat('One', 2), chat('Two', 2), huge, chat('Four', 2)));
    await tab.button('Import 4 conversations (7 messages)').click();
    await tab.heading('Imported, but for 2 conversations').waitFor();
    await tab.page.getByText('larger than the service accepts at once').waitFor();
    await tab.page.getByText('There is a thread with this id already').waitFor();
    await tab.expectAccessible();
    expect(await threadsOf('part')).toEqual({ 'part-1': 2, 'part-2': 1, 'part-4': 2 });
    const threadId = tab.page.getByLabel('Thread id of 2');
    await threadId.fill('elsewhere');
    await tab.view('Sessions');
    await tab.view('Import');
    expect(await threadId.inputValue()).toBe('elsewhere');
    await threadId.fill('part-2');
    await tab.button('Add to the thread').click();
    await tab.heading('Imported, but for 1 conversation').waitFor();
    expect(await contentsOf('part', 'part-2')).toEqual(['There says 1', 'Two says 1', 'Two says 2']);
  });

  it('says what is wrong with a file and where, and keeps what was pasted', async () => {
    const tab = await suite.open();
    await tab.signIn('wrong', '/import');
    const alert = tab.page.getByRole('alert');
    await choose(tab, 'broken.json', '{\n  "messages": [\n    {"role": "user", "content": "x"},\n  ]\n}');
    await alert.getByText('broken.json cannot be imported').waitFor();
    await alert.getByText('This is no JSON. Line 4, column 3: a value should stand here, not “]”.').waitFor();
    await tab.expectAccessible();
    await choose(tab, 'photo.json', Buffer.from([0xff, 0x00, 0xfe]));
    await alert.getByText(/byte 1 is of no character/).waitFor();
    await paste(tab, '{"data": []}');
    await alert.getByText(/This is an object with data/).waitFor();
    expect(await tab.page.getByLabel('Or paste it').inputValue()).toBe('{"data": []}');
    await paste(tab, JSON.stringify([...chat('Pasted', 2), { role: 'user', content: null }]));
    await tab.heading('The pasted text').waitFor();
    await tab.button('Choose another').click();
    expect(await tab.page.getByLabel('Or paste it').inputValue()).toContain('Pasted says 2');
    await tab.button('Read this text').click();
    await tab.page.getByLabel(/^Thread id of/).fill('..');
    await tab.page.getByText('No URL can carry this id.').waitFor();
    expect(await tab.button(/^Import 1/).isDisabled()).toBe(true);
    await tab.page.getByLabel(/^Thread id of/).fill('pasted');
    await tab.button('Import 1 conversation (2 messages)').click();
    await tab.heading('Everything is imported').waitFor();
    expect(await threadsOf('wrong')).toEqual({ pasted: 2 });
    await tab.button('Import something else').click();
    expect(await tab.page.getByLabel('Or paste it').inputValue()).toBe('');
  });

  it('counts all that cannot be imported, and lists the first', async () => {
    const tab = await suite.open();
    await tab.signIn('faulty', '/import');
    const faulty = Array.from({ length: 150 }, () => ({ role: 'human', content: 'x' }));
    await paste(tab, JSON.stringify([...chat('Ada', 1), ...faulty]));
    await tab.page.getByText('150 places cannot be imported').click();
    await tab.page.getByText('and 50 more').waitFor();
    await tab.page.getByText('Stays behind: 150 faulty messages').waitFor();
  });

  it('reads one file at a time, also while another view is open, and says which it did not take', async () => {
    const tab = await suite.open();
    await tab.signIn('reading', '/import');
    await hold(tab);
    await drop(tab, ['first.json', 'second.json', 'third.json'], '[');
    for (const view of ['Sessions', 'Import'] as const) await tab.view(view);
    await tab.page.getByText('Reading first.json, in percent').waitFor();
    await tab.page.getByText('Not taken: second.json, third.json.').waitFor();
    expect(await tab.button('Choose a file').isDisabled()).toBe(true);
    await drop(tab, ['late.json'], '[');
    expect(await tab.page.locator('.progress').innerText()).toContain('Reading first.json');
    await tab.view('Sessions');
    await tab.page.evaluate('window.letGo()');
    await expectNone(() => tab.page.workers());
    await tab.view('Import');
    await tab.page.getByRole('alert').getByText('first.json cannot be imported').waitFor();
    await tab.expectAccessible();

    await drop(tab, ['first.json', 'second.json'], JSON.stringify(chat('Ada', 1)));
    await tab.heading('first.json').waitFor();
    await tab.page.getByText('Not taken: second.json.').waitFor();
    await tab.button('Choose another').click();
    await hold(tab);
    await drop(tab, ['first.json'], '[');
    await tab.page.getByText('Reading first.json, in percent').waitFor();
    await tab.signOut();
    await expectNone(() => tab.page.workers());
  });

  it('says of a file that is too large how large it may be', async () => {
    const tab = await suite.open();
    await tab.signIn('huge', '/import');
    await tab.page.evaluate(
      `Object.defineProperty(Blob.prototype, 'size', { get: () => 1_234.5 * 1024 * 1024 })`,
    );
    await drop(tab, ['huge.json'], '[]');
    await tab.page.getByRole('alert').getByText('It has 1,235 MB; 300 are possible. Split it.').waitFor();
  });

  it('can be interrupted, and reads 50 MB beside the page, not in it', async () => {
    const tab = await suite.open({ viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
    await tab.signIn('large', '/import');
    await tab.expectNoSidewaysScroll();
    const long = { role: 'user', content: 'A long message of somebody. '.repeat(35) };
    const text = lines(...Array.from({ length: 1_000 }, () => Array.from({ length: 50 }, () => long)));
    expect(text.length).toBeGreaterThan(50_000_000);
    // Over the protocol a file of this size would be sent as text: it is made in the page.
    await tab.page.evaluate(
      `(() => {
        const line = ${JSON.stringify(text.slice(0, text.indexOf('\n') + 1))};
        const data = new DataTransfer();
        data.items.add(new File([line.repeat(1000)], 'large.jsonl'));
        window.chosen = data.files;
        HTMLInputElement.prototype.click = function () {
          this.files = window.chosen;
          this.dispatchEvent(new Event('change', { bubbles: true }));
        };
      })()`,
    );
    await tab.button('Choose a file').click();
    await tab.heading('large.jsonl').waitFor({ timeout: 120_000 });
    await tab.button('Import 1,000 conversations (50,000 messages)').waitFor();
    expect(tab.page.workers()).toHaveLength(1);
    await tab.expectAccessible();
    await tab.expectNoSidewaysScroll();
    await tab.button(/^Import 1,000/).click();
    await tab.page.getByText(/^[1-9]\d* of 1,000 conversations done/).waitFor({ timeout: 120_000 });
    await tab.view('Sessions');
    expect(await asksBeforeLeaving(tab)).toBe(true);
    await tab.view('Import');
    await tab.button('Interrupt').click();
    await tab.heading('The import is interrupted').waitFor();
    expect(await asksBeforeLeaving(tab)).toBe(false);
    const stored = Object.values(await threadsOf('large'));
    expect(stored.length).toBeLessThan(1_000);
    // Whoever signs out leaves nothing behind that could still read or send.
    await tab.signOut();
    await expectNone(() => tab.page.workers());
  });

  it('shows hostile texts, titles and ids as text, and needs no mouse', async () => {
    const tab = await suite.open();
    await tab.signIn('hostile', '/import');
    const conversation = {
      title: SCRIPT,
      id: `id ${SCRIPT}`,
      messages: [
        { role: 'user', content: SCRIPT },
        { role: SCRIPT, content: 'x' },
      ],
    };
    await tab.page.getByLabel('Or paste it').fill(JSON.stringify([conversation, { [SCRIPT]: 1 }]));
    await tab.page.keyboard.press('Tab');
    await tab.page.keyboard.press('Enter');
    await tab.heading('The pasted text').waitFor();
    await tab.page.getByText('How it begins').focus();
    await tab.page.keyboard.press('Enter');
    await tab.page.getByText(SCRIPT, { exact: true }).first().waitFor();
    await tab.page.getByText('2 places cannot be imported').click();
    await tab.page.getByText(/has the role “<script>/).waitFor();
    await tab.button('Import 1 conversation (1 message)').focus();
    await tab.page.keyboard.press('Enter');
    await tab.heading('Everything is imported').waitFor();
    const threads = Object.keys(await threadsOf('hostile'));
    expect(threads).toEqual([expect.stringContaining(`id ${SCRIPT}`)]);
    await tab.page.getByRole('link', { name: threads[0] ?? '', exact: true }).click();
    await tab.page.getByText(SCRIPT, { exact: true }).first().waitFor();
    expect(await tab.page.locator('main img:not([role]), main script').count()).toBe(0);
  });

  it('stops when the sign-in is no longer good, and asks for one over what is there', async () => {
    const tab = await suite.open();
    await tab.signIn('expired', '/import');
    await paste(tab, JSON.stringify(chat('Ada', 3)));
    await tab.page.route('**/v1/sessions/*/messages', (route) =>
      route.fulfill({
        status: 401,
        contentType: 'application/problem+json',
        body: JSON.stringify({
          type: 'x',
          title: 'Unauthorized',
          status: 401,
          code: 'unauthenticated',
          detail: 'No.',
        }),
      }),
    );
    await tab.button(/^Import 1/).click();
    await tab.page.getByRole('dialog', { name: 'Sign in again' }).waitFor();
    await tab.page.unroute('**/v1/sessions/*/messages');
    await tab.page.getByRole('dialog').getByLabel('Tenant').fill('expired');
    await tab.page.getByRole('dialog').getByRole('button', { name: 'Sign in' }).click();
    await tab.button('Go on').click();
    await tab.heading('Everything is imported').waitFor();
    expect(Object.values(await threadsOf('expired'))).toEqual([3]);
  });
});
