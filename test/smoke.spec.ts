import { expect, it } from '@jest/globals';
import { describeOnEachEngine } from './support/engines.js';
import { TestService } from './support/service.js';

describeOnEachEngine('the service', (createDatabase) => {
  it('does its main job over REST, describes itself, and says how it is', async () => {
    const database = await createDatabase();
    const service = await TestService.start(database);
    const acme = service.as('acme');
    const turns = [
      { role: 'user', content: 'I want to fly to Lisbon in May.' },
      { role: 'assistant', content: 'Noted. A window seat as always?' },
      { role: 'user', content: 'Yes, please.' },
    ];
    expect((await acme.post('/v1/sessions/trip/messages', { messages: turns })).status).toBe(201);
    expect(
      (await acme.post('/v1/memories', { agentId: 'travel', content: 'Ada prefers window seats.' })).status,
    ).toBe(201);
    for (const [modelTier, total] of [
      ['fast', 8_000],
      ['reasoning', 32_000],
    ] as const) {
      const compiled = await acme.post('/v1/context/compile', {
        threadId: 'trip',
        systemPrompt: 'You are a travel agent.',
        task: { description: 'Which seat does Ada prefer?' },
        modelTier,
      });
      expect(compiled.status).toBe(200);
      expect(compiled.body).toMatchObject({
        messages: turns,
        budget: { tier: modelTier, total },
        degraded: [],
      });
      expect((compiled.body as { context: string }).context).toContain('Ada prefers window seats.');
      expect((compiled.body as { tokenUsage: { total: number } }).tokenUsage.total).toBeLessThanOrEqual(
        total,
      );
    }
    expect((await acme.get('/v1/context/budgets')).body).toMatchObject({
      defaultTier: 'reasoning',
      tiers: [
        { tier: 'fast', total: 8_000 },
        { tier: 'reasoning', total: 32_000, sessionHistory: 11_200 },
      ],
    });
    expect((await acme.get('/health/live')).body).toEqual({ status: 'ok' });
    expect((await acme.get('/health/ready')).body).toMatchObject({
      status: 'ok',
      info: { database: { status: 'up' } },
    });
    expect((await acme.get('/metrics')).text).toContain('triptych_http_request_duration_seconds');
    expect((await acme.get('/docs')).status).toBe(200);
    const document = (await acme.get('/docs-json')).body as {
      openapi: string;
      paths: Record<string, object>;
    };
    expect(document.openapi).toBe('3.1.0');
    expect(
      Object.entries(document.paths)
        .flatMap(([path, methods]) => Object.keys(methods).map((m) => `${m} ${path}`))
        .sort(),
    ).toEqual(
      [
        'delete /v1/memories/{memoryId}',
        'delete /v1/sessions/{threadId}',
        'get /health/live',
        'get /health/ready',
        'get /metrics',
        'get /v1/context/budgets',
        'get /v1/context/receipts',
        'get /v1/context/receipts/{receiptId}',
        'get /v1/memories',
        'get /v1/memories/{memoryId}',
        'get /v1/memories/{memoryId}/history',
        'get /v1/sessions',
        'get /v1/sessions/{threadId}/messages',
        'patch /v1/memories/{memoryId}',
        'post /v1/context/compile',
        'post /v1/memories',
        'post /v1/memories/batch',
        'post /v1/memories/search',
        'post /v1/sessions/{threadId}/messages',
      ].sort(),
    );
    await service.stop();
    await database.drop();
  });
});
