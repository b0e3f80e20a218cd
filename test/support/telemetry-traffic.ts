export interface TrafficTexts {
  /** Of the threads, memories' agents and keys. */
  readonly id: string;
  /** Of everything that is said. */
  readonly text: string;
}

/** One request of each kind that the service at `url` serves, good and bad, so that every metric and event has something to tell. */
export async function sendTraffic(url: string, tenant: string, { id, text }: TrafficTexts): Promise<void> {
  const send = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ body: unknown }> => {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...{ 'x-tenant-id': tenant, ...headers },
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const answered = await response.text();
    return {
      body: response.headers.get('content-type')?.includes('json') ? JSON.parse(answered) : undefined,
    };
  };
  const thread = `/v1/sessions/${id}`;
  const messages = { messages: [{ role: 'user', content: text, name: text }] };
  const key = { 'idempotency-key': id };
  await send('POST', `${thread}/messages`, messages, key);
  await send('POST', `${thread}/messages`, messages, key);
  await send('POST', `${thread}/messages`, messages, { 'if-match': '"99"' });
  await send('GET', `${thread}/messages?limit=${text}`);
  await send('GET', `${thread}/messages`);
  await send('GET', `/v1/sessions?cursor=${text}`);
  const memory = { agentId: id, content: text, metadata: { [id]: text }, source: { threadId: id } };
  const stored = await send('POST', '/v1/memories', memory);
  const { memoryId } = stored.body as { memoryId: string };
  await send('POST', '/v1/memories/batch', { memories: [memory, memory] });
  for (const scope of ['memories', 'thread', 'both'])
    await send('POST', '/v1/memories/search', {
      query: text,
      scope,
      ...(scope !== 'memories' && { threadId: id }),
    });
  await send('POST', '/v1/memories/search', { query: text, filter: { [id]: text } });
  for (const path of ['', '?asOf=never', '/history']) await send('GET', `/v1/memories/${memoryId}${path}`);
  await send('GET', `/v1/memories?agentId=${id}`);
  await send('PATCH', `/v1/memories/${memoryId}`, { content: `${text} again` });
  const compile = {
    threadId: id,
    systemPrompt: text,
    task: { description: text, [id]: text },
    memoryLimit: 10,
  };
  await send('POST', '/v1/context/compile', compile);
  await send('POST', '/v1/context/compile', { ...compile, modelTier: 'fast', format: 'anthropic' });
  await send('POST', '/v1/context/compile', { ...compile, modelTier: id });
  await send('POST', '/v1/context/compile', { ...compile, budget: { total: 30 }, overflow: 'refuse' });
  await send('GET', '/v1/context/budgets');
  const receipts = await send('GET', `/v1/context/receipts?threadId=${id}`);
  const [first] = (receipts.body as { receipts?: { receiptId: string }[] }).receipts ?? [];
  await send('GET', `/v1/context/receipts/${first?.receiptId ?? id}`);
  await send('DELETE', `/v1/memories/${memoryId}`);
  await send('DELETE', thread);
  await send('GET', `/nowhere/${id}?${text}`);
  await send('POST', `${thread}/messages`, `{"messages": [{"content": "${text}`);
  await send('POST', `${thread}/messages`, messages, { authorization: `Bearer ${text}`, 'x-request-id': id });
  await send('GET', '/v1/memories', undefined, { 'x-tenant-id': `${text}!` });
  await send('GET', `${thread}/%E0%A4%A/${text}`);
  await send('GET', `/console/${id}?${text}`);
  const call = (name: string, args: object) => ({
    ...{ jsonrpc: '2.0', id: text, method: 'tools/call' },
    params: { name, arguments: args },
  });
  for (const body of [
    call('remember', { agentId: id, content: text }),
    call('recall', { query: text, agentId: id }),
    call(text, { [id]: text }),
    text,
  ])
    await send('POST', '/mcp', body, { accept: 'application/json, text/event-stream' });
}
