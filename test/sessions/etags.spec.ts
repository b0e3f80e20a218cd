import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeOnEachEngine } from '../support/engines.js';
import type { Answer } from '../support/service.js';
import { Instances, user } from './instances.js';

describeOnEachEngine('the version of a thread over HTTP', (createDatabase) => {
  const instances = new Instances();
  beforeAll(() => instances.open(createDatabase));
  afterAll(() => instances.close());

  /** A client of a tenant of its own, on one thread. */
  const newThread = () => {
    const tenant = instances.newTenant();
    const path = '/v1/sessions/thread/messages';
    const send = (method: string, body: unknown, headers: Record<string, string>): Promise<Answer> =>
      instances.service().send(method, path, body, { 'x-tenant-id': tenant, ...headers });
    return {
      tenant,
      append: (content: string, headers: Record<string, string> = {}) =>
        send('POST', { messages: [user(content)] }, headers),
      read: (headers: Record<string, string> = {}) => send('GET', undefined, headers),
    };
  };
  const versionOf = ({ body }: Answer): number => (body as { version: number }).version;
  const contentsOf = ({ body }: Answer): unknown[] =>
    (body as { messages: { content: unknown }[] }).messages.map(({ content }) => content);
  const conflict = (currentVersion: number) => ({
    status: 412,
    body: { code: 'version_conflict', currentVersion },
  });

  it('lets a writer append to what he has read, and to nothing else', async () => {
    const { append, read } = newThread();
    expect((await append('one', { 'if-match': '"0"' })).status).toBe(201);
    const appended = await append('two', { 'if-match': (await read()).headers.get('etag') ?? '' });
    expect(appended.status).toBe(201);
    expect(versionOf(appended)).toBe(2);
    for (const stale of ['"1"', '"0"', '"3"'])
      expect(await append('late', { 'if-match': stale })).toMatchObject(conflict(2));
    expect(contentsOf(await read())).toEqual(['one', 'two']);
  });

  it('begins no thread for a writer who expects one', async () => {
    const { tenant, append, read } = newThread();
    expect(await append('late', { 'if-match': '"5"' })).toMatchObject(conflict(0));
    expect((await read()).status).toBe(404);
    expect(await instances.rowsOf(tenant)).not.toHaveProperty(['shared.sessions']);
  });

  it.each(['5', 'W/"1"', '*', '"1", "2"', '"one"', '"-1"', '"1.0"', '"1234567890"'])(
    'refuses the If-Match %s',
    async (ifMatch) => {
      const { append, read } = newThread();
      await append('one');
      expect((await append('two', { 'if-match': ifMatch })).status).toBe(400);
      expect(contentsOf(await read())).toEqual(['one']);
    },
  );

  it('lets one of 50 writers who have read the same append', async () => {
    const { append, read } = newThread();
    await append('first');
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => append(`m${index}`, { 'if-match': '"1"' })),
    );
    const written = answers.filter(({ status }) => status === 201);
    expect(written).toHaveLength(1);
    for (const answer of answers) if (answer.status !== 201) expect(answer).toMatchObject(conflict(2));
    expect(contentsOf(await read())).toEqual(['first', ...written.flatMap(contentsOf)]);
  });

  it('sends a reader nothing that he has already', async () => {
    const { append, read } = newThread();
    await append('one');
    const etag = (await read()).headers.get('etag') ?? '';
    expect(etag).toBe('"1"');
    for (const known of [etag, `W/${etag}`, `"7", ${etag}`, '*']) {
      const unchanged = await read({ 'if-none-match': known });
      expect(unchanged).toMatchObject({ status: 304, text: '' });
      expect(unchanged.headers.get('etag')).toBe(etag);
    }
    await append('two');
    const changed = await read({ 'if-none-match': etag });
    expect(changed.status).toBe(200);
    expect(changed.headers.get('etag')).toBe('"2"');
    expect(contentsOf(changed)).toEqual(['one', 'two']);
  });

  it('answers a repeated write as the first time, though its version is past', async () => {
    const { append, read } = newThread();
    await append('one');
    const headers = { 'if-match': '"1"', 'idempotency-key': 'a-key' };
    const first = await append('two', headers);
    expect(first.status).toBe(201);
    await append('three');
    const again = await append('two', headers);
    expect([again.status, again.body]).toEqual([first.status, first.body]);
    expect(contentsOf(await read())).toEqual(['one', 'two', 'three']);
  });
});
