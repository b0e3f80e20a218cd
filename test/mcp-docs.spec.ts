import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PassThrough } from 'node:stream';
import packageJson from '../package.json' with { type: 'json' };
import { runMcpSession } from '../examples/mcp-session.js';
import { CLIENT_VARIABLE_NAMES } from '../src/config/client-options.js';
import { VARIABLE_NAMES } from '../src/config/load-options.js';
import { LineTransport } from '../src/mcp/line-transport.js';
import { serveMcpStdio } from '../src/mcp/mcp-stdio.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { connectMcp } from './support/mcp-client.js';
import { fencedBlocks, tableRows, textOf } from './support/markdown.js';
import { asOperator } from './support/operator.js';
import { TestService } from './support/service.js';

const DOCUMENT = 'docs/mcp.md';
const SERVED_AT = 'http://127.0.0.1:3000';

interface Server {
  command?: string;
  args?: string[];
  env?: Record<string, string>;
  url?: string;
  headers?: Record<string, string>;
}
interface JsonSchema {
  properties: Record<string, unknown>;
  required?: string[];
}

/** What differs from run to run, and from release to release. */
function steady(line: string): string {
  return (
    line
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'an id')
      .replaceAll(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, '"a moment"')
      .replaceAll(/("(?:score|lexical|semantic)":)[\d.]+/g, '$1"a score"')
      // The id of a memory stands in the prompt, and takes a token more or less.
      .replaceAll(/("(?:tokens|total|memory|used)":)\d+/g, '$1"a count"')
      .replaceAll(/[0-9a-f]{64}/g, 'a hash')
      .replaceAll(/"storedBy":"[^"]+"/g, '"storedBy":"somebody"')
      .replaceAll(`"${packageJson.version}"`, '"a version"')
  );
}

describeOnEachEngine(DOCUMENT, (createDatabase) => {
  let database: TestDatabase;
  let service: TestService;
  let key: string;
  const servers = fencedBlocks(DOCUMENT, 'json').map((block) => {
    const { mcpServers } = JSON.parse(block) as { mcpServers: { triptych: Server } };
    return mcpServers.triptych;
  });
  const filledIn = (values: Record<string, string> = {}): Record<string, string> =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [
        name,
        value.replace(SERVED_AT, service.url).replace('your API key', key),
      ]),
    );

  beforeAll(async () => {
    database = await createDatabase();
    service = await TestService.start(database, { auth: { mode: 'api-key' }, limits: { rate: 0 } });
    key = await asOperator(service, database, async (registry) => {
      await registry.create({ tenantId: 'acme' });
      return (await registry.createKey('acme')).key;
    });
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it('shows settings of assistants that connect', async () => {
    expect(servers).toHaveLength(3);
    for (const { command, args, env, url, headers } of servers) {
      const client = new Client({ name: 'test', version: '1.0.0' });
      if (url !== undefined) {
        const requestInit = { headers: filledIn(headers) };
        const address = new URL(url.replace(SERVED_AT, service.url));
        await client.connect(new StreamableHTTPClientTransport(address, { requestInit }));
        expect((await client.listTools()).tools).toHaveLength(7);
        await client.close();
        continue;
      }
      expect([command, ...(args ?? [])]).toEqual(['npx', 'triptych', 'mcp']);
      const [input, output] = [new PassThrough(), new PassThrough()];
      const environment = { ...filledIn(env), ...(env?.['DATA_DIR'] && { DATA_DIR: 'memory://' }) };
      const over = serveMcpStdio({ ...environment, LOG_LEVEL: 'silent' }, { input, output });
      await Promise.race([client.connect(new LineTransport(output, input, 1_000_000)), over]);
      expect((await client.listTools()).tools).toHaveLength(7);
      input.end();
      await over;
      await client.close();
    }
  });

  it('lists the tools with their arguments and scopes, and no others', async () => {
    const client = await connectMcp(service.url, { authorization: `Bearer ${key}` });
    const { tools } = await client.listTools();
    await client.close();
    const told = tableRows(DOCUMENT).filter(([, , , scope]) => scope === '`read`' || scope === '`write`');
    const named = told.map(([name, given, , scope]) => [name, given, scope]);
    expect(named).toEqual(
      tools.map(({ name, inputSchema, annotations }) => {
        const { properties, required = [] } = inputSchema as unknown as JsonSchema;
        const given = Object.keys(properties).map((each) =>
          required.includes(each) ? `\`${each}\`` : `\`${each}?\``,
        );
        return [`\`${name}\``, given.join(' · '), annotations?.readOnlyHint ? '`read`' : '`write`'];
      }),
    );
  });

  it('prints the session that the example has', async () => {
    const lines: string[] = [];
    await runMcpSession(service.url, { authorization: `Bearer ${key}` }, (line) => lines.push(line));
    const [block = ''] = fencedBlocks(DOCUMENT, 'text');
    expect(lines.map(steady)).toEqual(block.trimEnd().split('\n').map(steady));
  });
});

describe('variables of clients', () => {
  it('are told, and are none of the service', () => {
    for (const name of CLIENT_VARIABLE_NAMES) {
      expect(textOf(DOCUMENT)).toContain(`| \`${name}\` |`);
      expect(VARIABLE_NAMES).not.toContain(name);
    }
  });
});
