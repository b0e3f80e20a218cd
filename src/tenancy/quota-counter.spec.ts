import { beforeEach, describe, expect, it } from '@jest/globals';
import { QuotaExceededError } from '../errors.js';
import { QuotaCounter } from './quota-counter.js';
import { TenantContext } from './tenant-context.js';

const NOON = Date.parse('2026-05-08T12:00:00Z');

describe('QuotaCounter', () => {
  let stored: Map<string, number>;
  let isAway: boolean;
  let now: number;
  let asked: number;
  const counter = () =>
    new QuotaCounter(
      {
        query: (_sql, parameters) => {
          const [tenant, day, added] = parameters ?? [];
          asked += 1;
          if (isAway) return Promise.reject(new Error('away'));
          const key = `${String(tenant)} ${String(day)}`;
          stored.set(key, (stored.get(key) ?? 0) + Number(added));
          return Promise.resolve([{ requests: stored.get(key) }] as never);
        },
      },
      new TenantContext(),
      () => now,
    );

  beforeEach(() => {
    stored = new Map();
    isAway = false;
    now = NOON;
    asked = 0;
  });

  it('admits as many as the quota, and says how long until midnight', () => {
    const quotas = counter();
    for (let request = 0; request < 3; request++) quotas.admit('acme', 3, 0, now);
    const refused = (): void => {
      quotas.admit('acme', 3, 0, now);
    };
    expect(refused).toThrow(QuotaExceededError);
    expect(refused).toThrow(expect.objectContaining({ extensions: { retryAfter: 43_200 } }));
    quotas.admit('other', 3, 0, now);
    now = Date.parse('2026-05-09T00:00:00Z');
    quotas.admit('acme', 3, 0, now);
  });

  it('begins with what the database counted, and learns what other processes admitted', async () => {
    const [one, two] = [counter(), counter()];
    one.admit('acme', 4, 2, now);
    stored.set('acme 2026-05-08', 2);
    two.admit('acme', 4, 2, now);
    await one.flush();
    await two.flush();
    expect(stored.get('acme 2026-05-08')).toBe(4);
    expect(() => {
      two.admit('acme', 4, 2, now);
    }).toThrow(QuotaExceededError);
  });

  it('keeps what could not be written, and gives each request to its day', async () => {
    const quotas = counter();
    quotas.admit('acme', 10, 0, now);
    isAway = true;
    await quotas.flush();
    now += 86_400_000;
    quotas.admit('acme', 10, 0, now);
    isAway = false;
    await quotas.flush();
    await quotas.flush();
    expect(Object.fromEntries(stored)).toEqual({ 'acme 2026-05-08': 1, 'acme 2026-05-09': 1 });
  });

  it('counts for the day in which a request came, though the next one has begun meanwhile', () => {
    const quotas = counter();
    const came = Date.parse('2026-05-08T23:59:59.990Z');
    now = came + 20;
    expect(() => {
      quotas.admit('acme', 3, 3, came);
    }).toThrow(expect.objectContaining({ extensions: { retryAfter: 1 } }));
    for (let request = 0; request < 3; request++) quotas.admit('acme', 3, 0, now);
  });

  it('asks a database that is away once a flush, and for each tenant in his turn', async () => {
    const quotas = counter();
    for (const tenant of ['one', 'two', 'three']) quotas.admit(tenant, 10, 0, now);
    isAway = true;
    await quotas.flush();
    await quotas.flush();
    expect(asked).toBe(2);
    isAway = false;
    await quotas.flush();
    expect([...stored.keys()]).toEqual(['three', 'one', 'two'].map((tenant) => `${tenant} 2026-05-08`));
  });

  it('writes each count once, however many flushes are asked for at once', async () => {
    const quotas = counter();
    quotas.admit('acme', 10, 0, now);
    await Promise.all([quotas.flush(), quotas.flush(), quotas.flush()]);
    expect([asked, stored.get('acme 2026-05-08')]).toEqual([1, 1]);
  });
});
