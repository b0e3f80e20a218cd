/** Sends a request to the service as one tenant. */
type Send = (method: string, path: string, body?: unknown) => Promise<{ status: number; body: never }>;

const MINUTE_TOOL = {
  id: 'call_1',
  type: 'function',
  function: { name: 'find_flights', arguments: '{"from":"BER","to":"LIS","date":"2026-06-12","seats":2}' },
};

/** A trip that is planned; the messages are in OpenAI's form. */
const TRIP = [
  { role: 'system', content: 'You are a travel assistant. Ask before you book.' },
  { role: 'user', content: 'We want to go to Lisbon in June, two of us. What do you have from Berlin?' },
  { role: 'assistant', content: null, tool_calls: [MINUTE_TOOL] },
  {
    role: 'tool',
    tool_call_id: 'call_1',
    content:
      '[{"flight":"TP 533","departs":"10:05","price":189},{"flight":"FR 1144","departs":"18:40","price":142}]',
  },
  {
    role: 'assistant',
    content:
      'There are two direct flights on 12 June:\n\n· TP 533 at 10:05, 189 € each\n· FR 1144 at 18:40, 142 € each\n\nYou told me that you prefer to fly in the morning. Shall I hold two window seats on TP 533?',
  },
  { role: 'user', content: 'Yes, and something quiet to stay in Alfama, under 120 € a night.' },
  {
    role: 'assistant',
    content:
      'Held until tomorrow noon. In Alfama I found three guesthouses with rooms to the courtyard; the quietest by its guests’ words is Casa do Pátio, 104 € a night with breakfast.',
  },
];

const THREADS = [
  'support/4711',
  'trip-lisbon',
  'onboarding-ada',
  'invoice 2026-118',
  'weekly-report',
  'trip-kyoto',
];

const MEMORIES = [
  [
    'travel-agent',
    'Prefers window seats, and morning flights where there are any.',
    { kind: 'preference', confidence: 0.92 },
  ],
  ['travel-agent', 'Travels with Sam, who does not eat fish.', { kind: 'fact' }],
  ['travel-agent', 'Spends at most 120 € a night on a room, breakfast included.', { kind: 'preference' }],
  [
    'support-agent',
    'Runs version 4.2 on two servers in Frankfurt; upgrades on Sundays only.',
    { kind: 'fact', product: 'relay' },
  ],
  ['support-agent', 'Wants answers in German, in short sentences, without a greeting.', { kind: 'style' }],
  [
    'travel-agent',
    'Sat by the window on the flight to Kyoto and said it was the best part.',
    { kind: 'event' },
  ],
  ['travel-agent', 'Has a passport that ends in March 2027.', { kind: 'fact' }],
  ['support-agent', 'Pays by invoice, 30 days, to the office in Hamburg.', { kind: 'fact' }],
] as const;

/** What the screenshots show, and what tests of the look of it start from. */
export async function storeDemo(send: Send): Promise<void> {
  for (const thread of THREADS) {
    const messages = thread === 'trip-lisbon' ? TRIP : TRIP.slice(1, 2 + (thread.length % 2));
    await stored(
      send('POST', `/v1/sessions/${encodeURIComponent(thread)}/messages`, {
        messages: messages.filter(({ role }) => thread === 'trip-lisbon' || role === 'user'),
      }),
    );
  }
  await stored(
    send('POST', '/v1/sessions/trip-lisbon/messages', {
      messages: [{ role: 'user', content: 'Perfect. Book both.' }],
    }),
  );
  for (const [agentId, content, metadata] of MEMORIES) {
    const source =
      agentId === 'travel-agent' ? { threadId: 'trip-lisbon', seq: 2, speaker: 'Ada', role: 'user' } : null;
    await stored(send('POST', '/v1/memories', { agentId, content, metadata, source }));
  }
  const { body } = await send('GET', '/v1/memories?agentId=travel-agent');
  const { memories } = body as { memories: { memoryId: string; content: string }[] };
  const seats = memories.find(({ content }) => content.startsWith('Prefers window'));
  const path = `/v1/memories/${seats?.memoryId ?? ''}`;
  await stored(send('PATCH', path, { content: 'Prefers window seats, and flights that leave before noon.' }));
  await stored(
    send('PATCH', path, {
      content: 'Prefers window seats, and flights that leave before noon. Aisle is fine on short ones.',
      metadata: { kind: 'preference', confidence: 0.97 },
    }),
  );
}

async function stored(sending: ReturnType<Send>): Promise<void> {
  const { status, body } = await sending;
  if (status >= 300) throw new Error(`${status}: ${JSON.stringify(body)}`);
}
