import { Client, StreamableHTTPClientTransport, type CallToolResult } from '@modelcontextprotocol/client';

/** Revisions of the protocol with a handshake, and those without. */
export const ERAS = ['legacy', 'auto'] as const;
export type Era = (typeof ERAS)[number];

/** A client of the SDK; with `auto` it speaks the newest revision that the server knows. */
export function newMcpClient(mode: Era = 'legacy'): Client {
  return new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode } });
}

/** A client over streamable HTTP, connected. */
export async function connectMcp(
  url: string,
  headers: Readonly<Record<string, string>>,
  mode?: Era,
): Promise<Client> {
  const client = newMcpClient(mode);
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } }),
  );
  return client;
}

/** What a tool gave, as programs read it. The SDK has checked it against the tool's output schema. */
export async function callTool<T = never>(client: Client, name: string, args: object): Promise<T> {
  const result = await tryTool(client, name, args);
  if (result.isError) throw new Error(`${name}: ${textOf(result)}`);
  if (JSON.stringify(result.structuredContent) !== textOf(result))
    throw new Error(`${name} says one thing to programs and another to models`);
  return result.structuredContent as T;
}

/** The result of a tool, whatever became of it. */
export function tryTool(client: Client, name: string, args: unknown): Promise<CallToolResult> {
  return client.callTool({ name, arguments: args as Record<string, unknown> });
}

export function textOf({ content }: CallToolResult): string {
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('');
}
