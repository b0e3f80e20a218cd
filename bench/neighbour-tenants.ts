import { Logger } from '@nestjs/common';
import { checkOptions } from '../src/config/load-options.js';
import { MigrationDataSource } from '../src/database/migration-data-source.js';
import { TenantRegistry } from '../src/tenancy/tenant-registry.js';
import { conversation, message } from './conversation.js';
import type { LoadRequest } from './load.js';

const MESSAGES = 500;
const MEMORIES = 200;

/** A tenant of a running service: its key, and what it asks for again and again. */
export interface Tenant {
  readonly apiKey: string;
  readonly requests: readonly LoadRequest[];
}

/** Registers tenants, as `npm run tenant` does, and gives each a conversation and memories over REST. */
export async function registerTenants(
  { databaseUrl, serviceUrl }: { databaseUrl: string; serviceUrl: string },
  names: readonly string[],
): Promise<Tenant[]> {
  const tenants: Tenant[] = [];
  for (const apiKey of await registerKeys(databaseUrl, names))
    tenants.push({ apiKey, requests: await fill(serviceUrl, apiKey) });
  return tenants;
}

/** Registers tenants. @returns the API key of each */
export async function registerKeys(databaseUrl: string, tenantIds: readonly string[]): Promise<string[]> {
  Logger.overrideLogger(false);
  const options = checkOptions({ database: { url: databaseUrl } });
  const owner = await new MigrationDataSource({ options, entities: [] }).initialize();
  try {
    const registry = new TenantRegistry(owner);
    const keys: string[] = [];
    for (const tenantId of tenantIds) {
      await registry.create({ tenantId });
      keys.push((await registry.createKey(tenantId)).key);
    }
    return keys;
  } finally {
    await owner.destroy();
  }
}

async function fill(serviceUrl: string, apiKey: string): Promise<LoadRequest[]> {
  const post = async (path: string, body: object): Promise<unknown> => {
    const response = await fetch(serviceUrl + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  await post('/v1/sessions/conversation/messages', { messages: conversation(MESSAGES) });
  const entries = Array.from({ length: MEMORIES }, (_, n) => ({
    agentId: 'agent',
    content: message(n).content,
  }));
  const { memories } = (await post('/v1/memories/batch', { memories: entries })) as {
    memories: { memoryId: string }[];
  };
  return [
    { operation: 'read 50 messages', method: 'GET', path: '/v1/sessions/conversation/messages?limit=50' },
    { operation: 'get a memory', method: 'GET', path: `/v1/memories/${memories[0]?.memoryId ?? ''}` },
    {
      operation: 'search',
      method: 'POST',
      path: '/v1/memories/search',
      body: JSON.stringify({ query: 'Which hotel near the station has breakfast?' }),
    },
    {
      operation: 'append 2 messages',
      method: 'POST',
      path: '/v1/sessions/appended/messages',
      body: JSON.stringify({ messages: conversation(2) }),
    },
  ];
}
