// Over 200 lines: one life of the data, from the present to ten years later and back.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChatServer } from './support/chat-server.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { fakeClockLibrary, fakedClock } from './support/faked-clock.js';
import { ServiceProcess } from './support/service-process.js';
import { triptych } from './support/triptych.js';

const isPossible = fakeClockLibrary() !== undefined;
if (!isPossible)
  process.stdout.write(
    'Clocks: skipped, since libfaketime is missing here (Debian: apt-get install libfaketime).\n',
  );

interface Answer {
  status: number;
  headers: Headers;
  body: never;
}
interface Memory {
  memoryId: string;
  content: string;
  createdAt: string;
  updatedAt: string;
}
interface Thread {
  version: number;
  messages: { seq: number; content: string; createdAt: string }[];
}

const YEAR_MS = 365 * 86_400_000;
const LONG_TEXT = 'The traveller talks about the weather, at length. '.repeat(200);

(isPossible ? describe : describe.skip)('a clock that jumps', () => {
  // Each test goes on from where the one before left the data.
  describeOnEachEngine('the service', (createDatabase) => {
    let home: TestDatabase;
    let folder: string;
    let summarizer: ChatServer;
    let environment: Record<string, string>;
    let service: ServiceProcess;
    let isEmbedded: boolean;
    const keys = { lasting: '', expiring: '' };
    /** What was read before the clock jumped. */
    const before = new Map<string, unknown>();
    let memories: Memory[];
    let receipt: string;
    let changedAt: string;

    beforeAll(async () => {
      home = await createDatabase();
      isEmbedded = home.engine === 'embedded';
      folder = mkdtempSync(join(tmpdir(), 'triptych-clock-'));
      summarizer = await ChatServer.start();
      const database: Record<string, string> = isEmbedded
        ? { DATA_DIR: join(folder, 'data') }
        : { DATABASE_URL: home.settings.url ?? '' };
      environment = {
        ...database,
        ...{ AUTH_MODE: 'api-key', RATE_LIMIT: '0' },
        ...{ SUMMARY_MODEL: 'some-model', SUMMARY_BASE_URL: summarizer.url, SUMMARY_API_KEY: 'sk-test' },
      };
      await operator(database, 'create', 'acme');
      keys.lasting = await operator(database, 'create-key', 'acme');
      keys.expiring = await operator(database, 'create-key', 'acme', '--expires', '90d');
      service = await ServiceProcess.start(environment);
    });
    afterAll(async () => {
      await service.kill();
      await summarizer.close();
      await home.drop();
      rmSync(folder, { recursive: true, force: true });
    });

    async function send(
      method: string,
      path: string,
      body?: unknown,
      headers: Record<string, string> = {},
      key = keys.lasting,
    ): Promise<Answer> {
      const answer = await fetch(service.url + path, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      return { status: answer.status, headers: answer.headers, body: (text && JSON.parse(text)) as never };
    }
    const read = async <T>(path: string): Promise<T> => {
      const { status, body } = await send('GET', path);
      expect([path, status]).toEqual([path, 200]);
      return body;
    };
    const append = (thread: string, content: string, headers?: Record<string, string>): Promise<Answer> =>
      send('POST', `/v1/sessions/${thread}/messages`, { messages: [{ role: 'user', content }] }, headers);
    const store = (content: string, headers?: Record<string, string>): Promise<Answer> =>
      send('POST', '/v1/memories', { agentId: 'travel', content }, headers);
    const find = async (query: string): Promise<string[]> => {
      const { status, body } = await send('POST', '/v1/memories/search', { query, limit: 20 });
      expect(status).toBe(200);
      return (body as { results: { memory: Memory }[] }).results.map(({ memory }) => memory.content);
    };
    const compile = async (threadId: string): Promise<{ id: string; reasons: string[] }> => {
      const request = { threadId, systemPrompt: '', task: { description: 'Which seat?' }, modelTier: 'fast' };
      const { status, body } = await send('POST', '/v1/context/compile', request);
      expect(status).toBe(200);
      const { id, items } = (body as { receipt: { id: string; items: { reason: string }[] } }).receipt;
      return { id, reasons: items.map(({ reason }) => reason) };
    };
    /** Everything that the tenant can read of what was there before, by its path. */
    const paths = (): string[] => [
      ...['first', 'second', 'long'].map((thread) => `/v1/sessions/${thread}/messages?limit=100`),
      ...['/v1/sessions', '/v1/memories'],
      ...memories.flatMap(({ memoryId }) => [`/v1/memories/${memoryId}`, `/v1/memories/${memoryId}/history`]),
      `/v1/memories/${memories[0]?.memoryId ?? ''}?asOf=${changedAt}`,
      ...['/v1/context/receipts?threadId=first', `/v1/context/receipts/${receipt}`],
    ];
    const restart = async (clock: Record<string, string>): Promise<void> => {
      await service.stop();
      service = await ServiceProcess.start({ ...environment, ...clock });
    };

    it('stands at the present at first', async () => {
      for (const thread of ['first', 'second'])
        for (const content of ['hello', 'again'])
          expect(
            await append(thread, content, { 'idempotency-key': `${thread} ${content}`.replace(' ', '-') }),
          ).toMatchObject({ status: 201 });
      for (let turn = 0; turn < 12; turn += 1)
        expect(await append('long', LONG_TEXT)).toMatchObject({ status: 201 });
      for (const content of ['She prefers window seats.', 'Her dog is called Rex.'])
        expect(await store(content, { 'idempotency-key': content.replaceAll(' ', '-') })).toMatchObject({
          status: 201,
        });
      ({ memories } = await read<{ memories: Memory[] }>('/v1/memories'));
      changedAt = memories[0]?.updatedAt ?? '';
      await sleep(5);
      const changed = await send('PATCH', `/v1/memories/${memories[0]?.memoryId ?? ''}`, {
        metadata: { sure: true },
      });
      expect(changed).toMatchObject({ status: 200 });
      receipt = (await compile('first')).id;
      // What fell out of the history is folded after the answer.
      await compile('long');
      while (!(await compile('long')).reasons.includes('summary')) await sleep(100);
      while ((await send('GET', `/v1/context/receipts/${receipt}`)).status !== 200) await sleep(50);
      await service.stop();
      service = await ServiceProcess.start(environment);
      for (const path of paths()) before.set(path, await read(path));
    });

    it('has everything ten years later', async () => {
      await restart(fakedClock('+10y'));
      for (const path of paths()) expect([path, await read(path)]).toEqual([path, before.get(path)]);
      expect(await find('window seats')).toContain('She prefers window seats.');
      expect((await compile('long')).reasons).toContain('summary');
    });

    it('goes on ten years later', async () => {
      const appended = await append('first', 'ten years on', { 'if-match': '"2"' });
      expect(appended.status).toBe(201);
      expect(appended.body).toMatchObject({ version: 3, messages: [{ seq: 3, content: 'ten years on' }] });
      const [message] = (appended.body as Thread).messages;
      // The embedded engine has the clock of its process; PostgreSQL has its own.
      const years = (Date.parse(message?.createdAt ?? '') - Date.now()) / YEAR_MS;
      expect(Math.abs(Math.round(years))).toBe(isEmbedded ? 10 : 0);
      const { sessions } = await read<{ sessions: { threadId: string }[] }>('/v1/sessions');
      expect(sessions.map(({ threadId }) => threadId)).toEqual(['first', 'long', 'second']);
      const { body } = await store('She moved to Porto.');
      const listed = await read<{ memories: Memory[] }>('/v1/memories');
      expect(listed.memories.map(({ memoryId }) => memoryId)).toEqual([
        (body as Memory).memoryId,
        ...memories.map(({ memoryId }) => memoryId),
      ]);
      expect((body as Memory).memoryId > (memories[0]?.memoryId ?? '')).toBe(true);
      expect(await find('Porto')).toContain('She moved to Porto.');
      const later = await compile('first');
      expect(later.id > receipt).toBe(true);
    });

    it('ends what says that it ends, and nothing else', async () => {
      const withKey = (key: string): Promise<Answer> => send('GET', '/v1/memories', undefined, {}, key);
      expect(await withKey(keys.lasting)).toMatchObject({ status: 200 });
      expect(await withKey(keys.expiring)).toMatchObject({ status: isEmbedded ? 401 : 200 });
      const repeated = await append('second', 'hello', { 'idempotency-key': 'second-hello' });
      expect([repeated.status, repeated.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
      // The key of a memory is kept for a day, and goes when further keys come.
      for (const key of ['later-1', 'later-2']) await store(`Noted ${key}.`, { 'idempotency-key': key });
      const again = await store('Her dog is called Rex.', { 'idempotency-key': 'Her-dog-is-called-Rex.' });
      expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([
        201,
        isEmbedded ? null : 'true',
      ]);
    });

    it('keeps the order of a thread and of a memory when it goes back by a day', async () => {
      // Of the ten years the day is nothing; so first the present, and then the day before.
      for (const [turn, clock] of [{}, fakedClock('-1d')].entries()) {
        await restart(clock);
        for (const thread of ['first', 'second', `new-${turn}`])
          expect(await append(thread, `back ${turn}`)).toMatchObject({ status: 201 });
        const { version, messages } = await read<Thread>('/v1/sessions/first/messages');
        expect(version).toBe(4 + turn);
        expect(messages.map(({ seq, content }) => [seq, content])).toEqual([
          ...['hello', 'again', 'ten years on'].map((content, index) => [index + 1, content]),
          ...Array.from({ length: turn + 1 }, (_, index) => [index + 4, `back ${index}`]),
        ]);
        const path = `/v1/memories/${memories[0]?.memoryId ?? ''}`;
        expect(await send('PATCH', path, { metadata: { turn } })).toMatchObject({ status: 200 });
        const { revisions } = await read<{ revisions: Revision[] }>(`${path}/history`);
        expect(revisions.map(({ revision }) => revision)).toEqual(
          Array.from({ length: turn + 3 }, (_, index) => turn + 3 - index),
        );
        for (const [index, { validFrom, validTo }] of revisions.entries()) {
          expect(validTo).toBe(revisions[index - 1]?.validFrom ?? null);
          expect(validTo === null || validFrom <= validTo).toBe(true);
        }
        expect(await store(`Stored at ${turn}.`)).toMatchObject({ status: 201 });
        expect(await find(`Stored at ${turn}`)).toContain(`Stored at ${turn}.`);
        expect((await compile('first')).reasons).toContain('newest_user_message');
      }
      const everySession = await everyPage<{ threadId: string }>('sessions');
      expect(everySession.map(({ threadId }) => threadId).sort()).toEqual(
        ['first', 'long', 'new-0', 'new-1', 'second'].sort(),
      );
      const everyMemory = await everyPage<Memory>('memories');
      expect(new Set(everyMemory.map(({ memoryId }) => memoryId)).size).toBe(everyMemory.length);
      for (const { memoryId } of memories)
        expect(everyMemory.map((memory) => memory.memoryId)).toContain(memoryId);
    });

    async function everyPage<T>(list: 'sessions' | 'memories'): Promise<T[]> {
      const items: T[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const query = cursor ? `&cursor=${cursor}` : '';
        const page: Record<string, unknown> = await read(`/v1/${list}?limit=2${query}`);
        items.push(...(page[list] as T[]));
        cursor = page['nextCursor'] as string | null;
      }
      return items;
    }
  });
});

interface Revision {
  revision: number;
  validFrom: string;
  validTo: string | null;
}

/** `npm run tenant`; answers the key that it made, if it made one. */
async function operator(environment: Record<string, string>, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await triptych(environment, ['tenant', ...args, '--json']);
  expect({ status, stderr }).toMatchObject({ status: 0 });
  return (JSON.parse(stdout) as { key?: string }).key ?? '';
}
