import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { WorkingContext } from '../src/working-context/working-context.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { TestService, type Answer } from './support/service.js';

describeOnEachEngine('receipts of compiles over HTTP', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  const acme = (): ReturnType<TestService['as']> => service.as('acme');
  const compile = (description: string): Promise<Answer> =>
    acme().post('/v1/context/compile', {
      threadId: 'trip',
      systemPrompt: 'Be brief.',
      task: { description },
    });
  const receiptOf = ({ body }: Answer): { id: string } & WorkingContext['receipt'] =>
    (body as { receipt: { id: string } & WorkingContext['receipt'] }).receipt;

  beforeAll(async () => {
    home = await createDatabase();
    service = await TestService.start(home, { receipts: { kept: 2 } });
    const messages = [{ role: 'user', content: 'I like trains.', id: 'mail-1' }];
    await acme().post('/v1/sessions/trip/messages', { messages });
  });
  afterAll(async () => {
    await service.stop();
    await home.drop();
  });

  it('names the receipt in the compiled context, and answers it, without any content', async () => {
    const compiled = await compile('Which way to Lisbon?');
    expect(compiled.status).toBe(200);
    const { id, ...receipt } = receiptOf(compiled);
    const answer = await acme().get(`/v1/context/receipts/${id}`);
    expect(answer.body).toMatchObject({ receiptId: id, threadId: 'trip', receipt });
    expect(receipt.items.map((item) => item.id)).toContain('mail-1');
    expect(answer.text).not.toMatch(/trains|Lisbon|brief/);
  });

  it('keeps the newest, and ends them with the session', async () => {
    const compiled = [await compile('one'), await compile('two'), await compile('three')].map(receiptOf);
    const list = await acme().get('/v1/context/receipts?threadId=trip');
    const { receipts } = list.body as { receipts: { receiptId: string; hash: string }[] };
    expect(receipts).toMatchObject(
      [2, 1].map((n) => ({ receiptId: compiled[n]?.id, hash: compiled[n]?.hash })),
    );
    await acme().delete('/v1/sessions/trip');
    expect((await acme().get(`/v1/context/receipts/${compiled[2]?.id ?? ''}`)).status).toBe(404);
    const none = await acme().get('/v1/context/receipts?threadId=trip');
    expect(none.body).toEqual({ receipts: [], nextCursor: null });
  });
});
