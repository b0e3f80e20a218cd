import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import { HumanMessage } from '@langchain/core/messages';
import { uuid6 } from '@langchain/langgraph-checkpoint';
import { Logger } from '@nestjs/common';
import { Database } from '../src/database/database.js';
import { NotFoundError } from '../src/errors.js';
import { LongTermMemory } from '../src/memory/long-term-memory.js';
import { SessionStore } from '../src/session/session-store.js';
import { AuditLog } from '../src/tenancy/audit-log.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { TestService } from './support/service.js';

interface AuditRow {
  action: string;
  actor: string;
  object: string;
  outcome: string;
  details: unknown;
  [column: string]: unknown;
}

const SECRET = 'a word that must be in no log';
const UNKNOWN = '0190163d-8694-739b-aea5-966c26f8ad91';

describeOnEachEngine('audit', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  let database: Database;
  let tenant = '';
  let count = 0;
  let lines: unknown[] = [];
  const as = <T>(work: () => T, actor = 'ada'): T =>
    service.app.get(TenantContext).run(tenant, work, { actor });
  const rows = (): Promise<AuditRow[]> =>
    as(() =>
      database.query<AuditRow>(
        `SELECT action, actor, object_type || ':' || object_id AS object, outcome, details
           FROM shared.audit_log ORDER BY audit_id`,
      ),
    );
  const actions = async (): Promise<string[]> => (await rows()).map(({ action }) => action);

  beforeAll(async () => {
    home = await createDatabase();
    service = await TestService.start(home);
    database = service.app.get(Database);
  });
  beforeEach(() => {
    tenant = `tenant-${(count += 1)}`;
    lines = [];
    jest.spyOn(Logger.prototype, 'log').mockImplementation((line: unknown) => {
      if ((line as { event?: unknown }).event === 'audit') lines.push(line);
    });
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });
  afterAll(async () => {
    await service.stop();
    await home.drop();
  });

  it('records every mutation over REST: who, what, on which object', async () => {
    const client = service.as(tenant);
    const messages = [{ role: 'user', content: SECRET }];
    const memory = { agentId: 'a', content: SECRET, metadata: { secret: SECRET } };
    await client.post('/v1/sessions/trip/messages', { messages });
    const { memoryId: id } = (await client.post('/v1/memories', memory)).body as { memoryId: string };
    await client.patch(`/v1/memories/${id}`, { content: `${SECRET}, again` });
    await client.delete(`/v1/memories/${id}`);
    await client.delete('/v1/sessions/trip');
    await client.get('/v1/sessions');

    const expected = [
      { action: 'session.append', object: 'session:trip', details: { version: 1, messageCount: 1 } },
      { action: 'memory.store', object: `memory:${id}`, details: null },
      { action: 'memory.update', object: `memory:${id}`, details: { fields: ['content'] } },
      { action: 'memory.delete', object: `memory:${id}`, details: null },
      { action: 'session.clear', object: 'session:trip', details: null },
    ];
    const common = { actor: 'dev', outcome: 'success' };
    expect(await rows()).toEqual(expected.map((row) => ({ ...row, ...common })));
    expect(lines).toEqual(
      expected.map(({ action, object }) => ({ event: 'audit', tenantId: tenant, action, object, ...common })),
    );
    expect(JSON.stringify([await rows(), lines])).not.toContain(SECRET);
  });

  it('names each memory of a batch', async () => {
    const stored = await as(() =>
      service.app.get(LongTermMemory).storeMany(['one', 'two'].map((content) => ({ agentId: 'a', content }))),
    );
    const objects = stored.map(({ memoryId }) => `memory:${memoryId}`);
    expect((await rows()).map(({ object }) => object)).toEqual(objects);
    expect(lines).toHaveLength(2);
  });

  it('records a graph where it changes the messages, and only there', async () => {
    const { checkpointer } = service.app.get(SessionStore);
    const config = { configurable: { thread_id: 'graph', checkpoint_ns: '' } };
    const put = (step: number): Promise<unknown> =>
      as(
        () =>
          checkpointer.put(
            config,
            {
              v: 4,
              id: uuid6(step),
              ts: new Date().toISOString(),
              channel_values: { messages: [new HumanMessage({ id: 'm', content: SECRET })] },
              channel_versions: { messages: step },
              versions_seen: {},
            },
            { source: 'loop', step, parents: {} },
            { messages: step },
          ),
        'agent',
      );
    await put(1);
    await put(2);
    await as(() => checkpointer.deleteThread('graph'), 'agent');
    expect(await rows()).toEqual([
      {
        action: 'session.write',
        actor: 'agent',
        object: 'session:graph',
        outcome: 'success',
        details: { version: 1, messageCount: 1 },
      },
      {
        action: 'session.clear',
        actor: 'agent',
        object: 'session:graph',
        outcome: 'success',
        details: null,
      },
    ]);
  });

  it('leaves neither row nor line of what is refused', async () => {
    const client = service.as(tenant);
    const statuses = [
      await client.delete(`/v1/memories/${UNKNOWN}`),
      await client.delete('/v1/memories/none'),
      await client.patch(`/v1/memories/${UNKNOWN}`, { content: 'x' }),
      await client.delete('/v1/sessions/none'),
      await client.post('/v1/sessions/none/messages', { messages: [] }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([404, 404, 404, 404, 400]);
    const memory = service.app.get(LongTermMemory);
    await as(() => database.unitOfWork(() => memory.delete(UNKNOWN).catch(() => undefined)));
    expect(await rows()).toEqual([]);
    expect(lines).toEqual([]);
  });

  it('leaves neither of what is rolled back later', async () => {
    const sessions = service.app.get(SessionStore);
    const memory = service.app.get(LongTermMemory);
    const late = as(() =>
      database.unitOfWork(async () => {
        await sessions.appendMessages('trip', [{ role: 'user', content: 'x' }]);
        await memory.store({ agentId: 'a', content: 'x' });
        throw new Error('on purpose');
      }),
    );
    await expect(late).rejects.toThrow('on purpose');
    expect(await actions()).toEqual([]);
    expect(lines).toEqual([]);
  });

  it('takes the mutation back when it cannot be recorded', async () => {
    const memory = service.app.get(LongTermMemory);
    const { memoryId } = await as(() => memory.store({ agentId: 'a', content: 'x' }));
    const broken = jest
      .spyOn(AuditLog.prototype, 'record')
      .mockImplementation(() => database.query('SELECT 1 / 0').then(() => undefined));
    await expect(as(() => memory.delete(memoryId))).rejects.toThrow('division by zero');
    await expect(as(() => memory.update(memoryId, { content: 'y' }))).rejects.toThrow('division by zero');
    broken.mockRestore();
    // Storing writes the entry in the statement of the memory.
    const nameless = jest
      .spyOn(AuditLog.prototype, 'row')
      .mockReturnValue({ actor: null as unknown as string, outcome: 'success', auditId: memoryId });
    await expect(as(() => memory.store({ agentId: 'a', content: 'z' }))).rejects.toThrow('"actor"');
    nameless.mockRestore();
    expect((await as(() => memory.list())).memories.map(({ content }) => content)).toEqual(['x']);
  });

  it('writes the line after the commit, and none outside a unit of work', async () => {
    await as(() =>
      database.unitOfWork(async () => {
        await service.app.get(SessionStore).appendMessages('trip', [{ role: 'user', content: 'x' }]);
        expect(await actions()).toEqual(['session.append']);
        expect(lines).toEqual([]);
      }),
    );
    expect(lines).toHaveLength(1);
    const entry = { action: 'memory.store', objectType: 'memory', objectId: 'x' } as const;
    await expect(as(() => service.app.get(AuditLog).record(entry))).rejects.toThrow('no unit of work');
    expect(await actions()).toEqual(['session.append']);
  });

  it('cannot be changed, deleted or emptied by the role that serves requests', async () => {
    await as(() => service.app.get(LongTermMemory).store({ agentId: 'a', content: 'x' }));
    const before = await rows();
    for (const statement of [
      `UPDATE shared.audit_log SET actor = 'somebody else'`,
      `DELETE FROM shared.audit_log`,
      `TRUNCATE shared.audit_log`,
      `INSERT INTO shared.audit_log SELECT * FROM shared.audit_log
         ON CONFLICT (tenant_id, audit_id) DO UPDATE SET actor = 'somebody else'`,
      `ALTER TABLE shared.audit_log DISABLE ROW LEVEL SECURITY`,
      `DROP TABLE shared.audit_log`,
    ])
      await expect(as(() => database.query(statement))).rejects.toThrow(/permission denied|must be owner/);
    const foreign = `INSERT INTO shared.audit_log (tenant_id, audit_id, actor, action, object_type, object_id, outcome)
      VALUES ('other', '${UNKNOWN}', 'a', 'a', 'a', 'a', 'a')`;
    await expect(as(() => database.query(foreign))).rejects.toThrow('row-level security');
    expect(await rows()).toEqual(before);
  });

  it('shows a tenant its own entries only', async () => {
    await as(() => service.app.get(LongTermMemory).store({ agentId: 'a', content: 'x' }));
    tenant = 'a-stranger';
    expect(await rows()).toEqual([]);
  });

  it('keeps ids exactly in the row, and escaped in the line', async () => {
    const threadId = 'x\n{"event":"audit","actor":"root"}\r\u001b[2K\u2028\u202e\\u{a}';
    await as(
      () => service.app.get(SessionStore).appendMessages(threadId, [{ role: 'user', content: 'x' }]),
      'eve\nroot',
    );
    expect(await rows()).toMatchObject([{ object: `session:${threadId}`, actor: 'eve\nroot' }]);
    expect(lines).toMatchObject([
      {
        object: String.raw`session:x\u{a}{"event":"audit","actor":"root"}\u{d}\u{1b}[2K\u{2028}\u{202e}\u{5c}u{a}`,
        actor: String.raw`eve\u{a}root`,
      },
    ]);
  });

  it('names the application where nobody else acts, and the outer actor in a nested scope', async () => {
    const tenants = service.app.get(TenantContext);
    const store = (): Promise<unknown> =>
      service.app.get(LongTermMemory).store({ agentId: 'a', content: 'x' });
    await tenants.run(tenant, store);
    await as(() => tenants.run(tenant, store));
    expect((await rows()).map(({ actor }) => actor)).toEqual(['system', 'ada']);
  });

  it('records nothing for a delete of what is gone', async () => {
    const memory = service.app.get(LongTermMemory);
    const { memoryId } = await as(() => memory.store({ agentId: 'a', content: 'x' }));
    await as(() => memory.delete(memoryId));
    await expect(as(() => memory.delete(memoryId))).rejects.toThrow(NotFoundError);
    expect(await actions()).toEqual(['memory.store', 'memory.delete']);
  });
});
