/** An MCP client without an SDK: each request is one POST of JSON-RPC 2.0, and what is sent and answered is printed. */

const THREAD = 'trip-to-lisbon';
const AGENT = 'travel-agent';

/** What a model would do in a first conversation: see what there is, remember, find again, compile. */
const REQUESTS: readonly (readonly [method: string, params: object])[] = [
  [
    'initialize',
    {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'mcp-session', version: '1.0.0' },
    },
  ],
  ['tools/list', {}],
  [
    'tools/call',
    {
      name: 'append_messages',
      arguments: {
        threadId: THREAD,
        messages: [{ role: 'user', content: 'I fly to Lisbon on 8 May. A window seat, as always.' }],
      },
    },
  ],
  [
    'tools/call',
    {
      name: 'remember',
      arguments: {
        agentId: AGENT,
        content: 'Ada prefers window seats.',
        metadata: { kind: 'preference' },
        source: { speaker: 'Ada', occurredAt: '2026-03-02T09:00:00Z' },
      },
    },
  ],
  ['tools/call', { name: 'recall', arguments: { query: 'Where does Ada like to sit?', agentId: AGENT } }],
  [
    'tools/call',
    {
      name: 'compile_context',
      arguments: {
        threadId: THREAD,
        systemPrompt: 'You are a travel agent.',
        task: { description: 'Choose a seat for Ada.' },
        modelTier: 'fast',
      },
    },
  ],
  ['tools/call', { name: 'remember', arguments: { content: 'Nobody said whose memory this is.' } }],
];

interface Answer {
  readonly result?: {
    readonly tools?: readonly { readonly name: string }[];
    readonly structuredContent?: object;
  };
  readonly error?: object;
}

/**
 * Speaks to the `/mcp` of a service.
 * @param credential `Authorization` with an API key or, in development mode, `X-Tenant-Id`
 * @param print one line each
 * @throws Error when the service refuses a message
 */
export async function runMcpSession(
  url: string,
  credential: Readonly<Record<string, string>>,
  print: (line: string) => void,
): Promise<void> {
  for (const [index, [method, params]] of REQUESTS.entries()) {
    const message = { jsonrpc: '2.0', id: index + 1, method, params };
    print(`→ ${JSON.stringify(message)}`);
    const response = await fetch(`${url}/mcp`, {
      method: 'POST',
      headers: {
        ...credential,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify(message),
    });
    const answer = (await response.json()) as Answer;
    print(`← ${JSON.stringify(shortened(answer))}`);
    if (!response.ok) throw new Error(`The service answered ${response.status}.`);
  }
}

/** Of tools their names alone, and of a result what programs read: its text says the same. */
function shortened(answer: Answer): object {
  const { tools, structuredContent } = answer.result ?? {};
  if (tools) return { ...answer, result: { tools: tools.map(({ name }) => ({ name })) } };
  return structuredContent ? { ...answer, result: { structuredContent } } : answer;
}

if (process.argv[1]?.endsWith('mcp-session.js')) {
  const [url = 'http://127.0.0.1:3000', tenant = 'acme'] = process.argv.slice(2);
  void runMcpSession(url, { 'x-tenant-id': tenant }, console.log);
}
