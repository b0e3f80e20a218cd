import type { ConsolePage } from './console-page.js';

/** Sends a request to the service as one tenant. */
type Send = (method: string, path: string, body?: unknown) => Promise<{ status: number; body: never }>;

/** The tenant of the pictures of the compile view. */
export const PARCELS = 'parcels';

const TURNS = [
  [
    'My parcel was to come on Monday. Where is it?',
    'It left the depot in Lyon at 7:40 this morning and is out for delivery, eleventh of twenty-three stops.',
  ],
  [
    'Nobody is at home until six. Can it go to a neighbour?',
    'Yes. I have noted number 12 for today. The driver rings there once, and leaves a card at your door.',
  ],
  [
    'And if number 12 is away as well?',
    'Then it goes back to the depot and waits there for seven days. You can collect it from 9:00 to 19:00 with your card.',
  ],
  [
    'The box of the last one was wet. I want that looked into.',
    'I am sorry. I have opened a claim for the parcel of 14 April; please send two photographs of the box and one of what was in it.',
  ],
  [
    'I sent the photographs. How long will it take?',
    'Claims of this kind take up to three weeks. You get a message as soon as it is decided, and the money within two days after that.',
  ],
  [
    'Please use our new name on the invoice.',
    'I have asked billing to issue the invoice of April again, in the name of Dupont & Fille. It comes by mail within two days.',
  ],
  [
    'Can you deliver on a Saturday?',
    'In towns with a depot we do until 14:00, for 6.90 more. Lyon is one of them.',
  ],
  [
    'What may the parcel weigh at most for that?',
    'Twenty kilograms, and its longest side may have 120 centimetres. Heavier ones come on the next Monday.',
  ],
  [
    'The code of the door has changed.',
    'Thank you. I have removed the old one; the driver will call you before he comes, so that no code has to be stored.',
  ],
  [
    'Why was the delivery of yesterday not announced?',
    'The announcement goes out when the parcel is scanned at the depot. Yesterday the scanner in Dijon was out of order until noon.',
  ],
] as const;

const KNOWN = [
  'Parcels go to the neighbour in number 12 when nobody is at home.',
  'Wants to be called, not mailed, when a delivery fails.',
  'The neighbour in number 12 is away in August; parcels wait at the depot then.',
  'Parcel 4711 is declared at 240 euros and insured.',
  'A parcel was left in the rain in April. The claim was paid after three weeks.',
  'Moved from Dijon to Lyon in March 2026; the depot is the one in the east.',
  'Prefers to be written to in French.',
  'A box at the gate takes parcels of up to 40 centimetres.',
  'Is at home on Saturdays until noon.',
  'The code of the door changes each quarter and must not be stored.',
  'Express parcels are paid by the company, account 88-1204.',
  'Does not want parcels to be left at a shop.',
  'The dog of the house is friendly, but loud when somebody rings.',
  'Asked twice to hear a day before when a parcel comes.',
];
const NOTE =
  'Notes of the call of 2 May about parcel 4711. It had been scanned in Lille and then again in Lille a day later, so it stood on ' +
  'the wrong belt for a night. The depot in Lyon was told to look for it by hand. ';

const SYSTEM =
  'You answer the questions of customers of a parcel service. Be brief and kind. Name days and times as the depot has confirmed ' +
  'them, and promise nothing that it has not. When a parcel is late, say why as far as it is known, what happens next, and whom to ' +
  'call. Never ask for a code of a door. Amounts are in euros. ';

/** A thread that is too long for the smaller tier, and memories of which some are not needed and one is long. */
export async function storeParcels(send: Send): Promise<void> {
  const turns = Array.from({ length: 12 }, () => TURNS).flat();
  const messages = [
    { role: 'system', content: 'The customer is known. Answer in the language of the last question.' },
    ...turns.flatMap(([user, assistant], index) => [
      { role: 'user', content: user },
      ...(index % 20 === 0 ? tracking(index) : []),
      { role: 'assistant', content: assistant },
    ]),
  ];
  await stored(send('POST', '/v1/sessions/support-17/messages', { messages }));
  for (const thread of ['support-18', 'billing-42', 'claims-2026-04'])
    await stored(send('POST', `/v1/sessions/${thread}/messages`, { messages: messages.slice(1, 9) }));
  const memories = [...KNOWN, NOTE.repeat(36)].map((content) => ({ agentId: 'support', content }));
  await stored(send('POST', '/v1/memories/batch', { memories }));
}

function tracking(index: number): object[] {
  const id = `call_${index}`;
  const found = { parcel: '4711', status: 'out for delivery', depot: 'Lyon east', stop: 11, of: 23 };
  return [
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id, type: 'function', function: { name: 'track', arguments: '{"parcel":"4711"}' } }],
    },
    { role: 'tool', tool_call_id: id, content: JSON.stringify(found) },
  ];
}

/** Two turns of a thread in the compile view, so that it is seen what they have in common. */
export async function compileTwoTurns({ page }: ConsolePage): Promise<void> {
  await page.getByRole('combobox', { name: 'Thread' }).fill('support-17');
  await page.keyboard.press('Tab');
  await page.getByLabel('Model tier').selectOption('fast');
  await page.getByRole('textbox', { name: 'System prompt' }).fill(SYSTEM.repeat(3).trim());
  await page.getByText('More settings').click();
  await page.getByLabel('Memory limit').fill('14');
  await page.getByLabel('Spill-over').selectOption('on');
  await page.getByText('More settings').click();
  await compile(page, 'Say when parcel 4711 comes.');
  // The first turn is kept in the background; it is the turn before as soon as it is.
  for (let turn = 0; turn < 20; turn++) {
    await compile(page, `Say when parcel 4711 comes, and where it is left if nobody is at home.`);
    if ((await page.getByText('As in the turn before', { exact: true }).count()) > 0) break;
  }
  await showFromTheTop(page);
}

/** The same with a larger tier, beside the first. */
export async function compareTwoTiers(tab: ConsolePage): Promise<void> {
  const { page } = tab;
  await compileTwoTurns(tab);
  await tab.button('Pin to compare').click();
  await page.getByLabel('Model tier').selectOption('reasoning');
  await compile(page, 'Say when parcel 4711 comes, and where it is left if nobody is at home.');
  await page.getByRole('tab', { name: 'Compare' }).click();
  await page.getByRole('radio', { name: /^Only in B/ }).waitFor();
  await page.getByRole('tablist').evaluate((element: unknown) => {
    (element as { scrollIntoView: () => void }).scrollIntoView();
  });
}

/** An export of ChatGPT, read and not yet sent. */
export async function previewExport({ page }: ConsolePage): Promise<void> {
  const titles = [
    'Bikes on the train to Annecy',
    'A cake without eggs',
    'Names for a small bakery',
    'Ten days in Portugal',
  ];
  const said = (id: string, parent: string | null, role: string, text: string): object => ({
    ...{ id, parent, children: [] },
    message: { id, author: { role }, content: { content_type: 'text', parts: [text] } },
  });
  const chats = titles.map((title, index) => ({
    ...{ title, conversation_id: `6651f3a2-${1000 + index}`, current_node: 'd' },
    mapping: {
      a: said('a', null, 'user', `${title}: what do I have to know?`),
      b: said('b', 'a', 'assistant', 'Three things, and the first is the one that most people forget.'),
      x: said('x', 'a', 'assistant', 'An answer that was asked for again.'),
      c: said('c', 'b', 'user', 'And the other two?'),
      d: said('d', 'c', 'assistant', 'They depend on when you want to go.'),
    },
  }));
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    page.getByRole('button', { name: 'Choose a file' }).click(),
  ]);
  await chooser.setFiles({
    name: 'conversations.json',
    mimeType: 'application/json',
    buffer: Buffer.from(JSON.stringify(chats)),
  });
  await page.getByRole('heading', { name: 'conversations.json' }).waitFor();
  await page.getByText('How it begins').first().click();
}

/** Typing has scrolled to where it ended. */
async function showFromTheTop(page: ConsolePage['page']): Promise<void> {
  for (const part of await page.locator('#main, textarea').all())
    await part.evaluate((element: unknown) => {
      (element as { scrollTop: number }).scrollTop = 0;
    });
}

async function compile(page: ConsolePage['page'], task: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Task' }).fill(task);
  await Promise.all([
    page.waitForResponse((response) => response.url().endsWith('/v1/context/compile')),
    page.getByRole('button', { name: 'Compile' }).click(),
  ]);
  await page.getByRole('button', { name: 'Compile', exact: true }).waitFor();
}

async function stored(sending: ReturnType<Send>): Promise<void> {
  const { status, body } = await sending;
  if (status >= 300) throw new Error(`${status}: ${JSON.stringify(body)}`);
}
