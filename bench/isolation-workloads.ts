import { LARGEST, LONG, memoryId, SHORT, smallTenant } from './isolation-data.js';
import type { Product } from './product.js';
import type { Effort } from './suite.js';

/** One call for one tenant. `variant` names rows that a write has to itself. */
export interface Instance {
  readonly tenant: string;
  readonly work: (product: Product, variant: string) => Promise<unknown>;
}

export interface Workload {
  readonly operation: string;
  readonly kind: 'read' | 'write';
  /** Called in turn, so that no figure is that of a single tenant. */
  readonly instances: readonly Instance[];
}

const INSTANCES = 32;
/** One lexeme of it stands in every memory, the other in one of each tenant. */
const QUESTION = 'What does memory 7 say?';

/** The hot reads of both tiers, and a write of each. */
export function workloads({ tenants }: Effort): Workload[] {
  const small = (n: number): string => smallTenant(1 + (n % tenants));
  /** Every tenant whose number this is has the long thread; the largest has number 0. */
  const withLong = (n: number): string => {
    const many = Math.floor(tenants / LONG.everyNthTenant);
    return many === 0 ? LARGEST : smallTenant(LONG.everyNthTenant * (1 + (n % many)));
  };
  const thread = (n: number): string => `short-${1 + (n % SHORT.threads)}`;
  return [
    read('search, small tenant', (n) => ({
      tenant: small(n),
      work: ({ memory }) => memory.search(QUESTION),
    })),
    read('search, largest tenant', () => ({
      tenant: LARGEST,
      work: ({ memory }) => memory.search(QUESTION),
    })),
    read(`newest 50 of ${SHORT.messages} messages`, (n) => ({
      tenant: small(n),
      work: ({ sessions }) => sessions.getSessionMessages(thread(n), { limit: 50 }),
    })),
    read(`newest 50 of ${LONG.messages} messages`, (n) => ({
      tenant: withLong(n),
      work: ({ sessions }) => sessions.getSessionMessages('long', { limit: 50 }),
    })),
    read('get a memory', (n) => ({
      tenant: small(n),
      work: ({ memory }) => memory.get(memoryId(small(n), 1)),
    })),
    read('list 50 memories', (n) => ({ tenant: small(n), work: ({ memory }) => memory.list({ limit: 50 }) })),
    read('list sessions', (n) => ({ tenant: small(n), work: ({ sessions }) => sessions.listSessions() })),
    write('append 2 messages', (n) => ({
      tenant: small(n),
      work: ({ sessions }, variant) => sessions.appendMessages(`written-${variant}-${n}`, TURN),
    })),
    write('store a memory', (n) => ({
      tenant: small(n),
      work: ({ memory }) => memory.store({ agentId: 'agent-0', content: 'The user prefers window seats.' }),
    })),
  ];
}

const TURN = [
  { role: 'user', content: 'Which seat do I like on a long flight?' },
  { role: 'assistant', content: 'You told me that you prefer a window seat.' },
] as const;

type InstanceOf = (n: number) => Instance;

function read(operation: string, instance: InstanceOf): Workload {
  return { operation, kind: 'read', instances: Array.from({ length: INSTANCES }, (_, n) => instance(n)) };
}

function write(operation: string, instance: InstanceOf): Workload {
  return { ...read(operation, instance), kind: 'write' };
}
