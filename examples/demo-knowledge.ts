/** What the demo keeps for good. */
export interface Fact {
  content: string;
  speaker: string;
  /** ISO 8601 date: when it was said. */
  occurredAt: string;
  /** Id of the message of the conversation that says it; absent: it was said elsewhere. */
  from?: string;
}

/** Facts of the conversation, each with the message it was made of, and some from other years. */
export const FACTS: readonly Fact[] = [
  {
    content: 'The whole budget of the birthday weekend is 4,200 euro, and the committee wants every receipt.',
    speaker: 'mara',
    occurredAt: '2026-06-27',
    from: 'budget',
  },
  {
    content:
      'The weekend opens on Saturday with the silent film "The Lantern Ferry"; Ilse Brandt plays live.',
    speaker: 'mara',
    occurredAt: '2026-06-29',
    from: 'opening',
  },
  {
    content: 'The archive lends the restored 35 mm print, five reels, for 380 euro including insurance.',
    speaker: 'mara',
    occurredAt: '2026-07-02',
    from: 'print',
  },
  {
    content:
      'The new projector lens arrives from Kessler on Tuesday 8 September; Tomasz signs for it in person.',
    speaker: 'mara',
    occurredAt: '2026-07-03',
    from: 'lens',
  },
  {
    content:
      'The piano is tuned to 442 Hz by Mr Faber on Friday 11 September at 15:00; two hours of silence.',
    speaker: 'mara',
    occurredAt: '2026-07-06',
    from: 'piano',
  },
  {
    content: 'Henrik Solberg is severely allergic to hazelnuts and walnuts: no nuts on the buffet at all.',
    speaker: 'mara',
    occurredAt: '2026-07-08',
    from: 'allergy',
  },
  {
    content:
      'Mrs Oyelaran comes in a wheelchair and sits in row 4 on the aisle; two seats are taken out for her.',
    speaker: 'mara',
    occurredAt: '2026-07-08',
    from: 'wheelchair',
  },
  {
    content: 'The fire officer allows at most 92 people in the hall with the piano on stage, and no candles.',
    speaker: 'mara',
    occurredAt: '2026-07-11',
    from: 'fire',
  },
  {
    content:
      'The school kitchen cooks without nuts, for 1,040 euro; the food is fetched on Saturday at 16:30.',
    speaker: 'jonas',
    occurredAt: '2026-07-15',
    from: 'kitchen',
  },
  {
    content:
      'At the summer night of 2025 the generator failed twice; the fire brigade has lent us theirs since.',
    speaker: 'tomasz',
    occurredAt: '2025-08-24',
  },
  {
    content:
      'The card reader of the box office has no reception in the foyer; keep 300 euro of change at hand.',
    speaker: 'jonas',
    occurredAt: '2025-11-16',
  },
  {
    content:
      'The key to the projection room hangs in the kitchen, behind the blue tin, and there is no second one.',
    speaker: 'tomasz',
    occurredAt: '2026-02-03',
  },
  {
    content:
      'Volunteers read a briefing when it is one page with their names on it, and not when it is a chain of mails.',
    speaker: 'mara',
    occurredAt: '2026-03-19',
  },
  {
    content: 'The microphone on stage hums as soon as the coffee machine in the foyer runs.',
    speaker: 'ilse',
    occurredAt: '2026-04-12',
  },
];

/** What is asked of the memory, and a word of the answer that a reader should look for. */
export const QUESTIONS: readonly { query: string; expected: string }[] = [
  { query: 'Which guest is allergic, and to what?', expected: 'Solberg' },
  { query: 'When does the new lens for the projector arrive?', expected: '8 September' },
  { query: 'Where is the key to the projection room?', expected: 'blue tin' },
];
