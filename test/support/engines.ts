import { describe } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { TriptychSettings } from '../../src/config/options.js';
import { IN_ORDER_OF_LANGUAGE } from './order-of-language.js';

/** A fresh, migrated database on one of the two engines. */
export interface TestDatabase {
  readonly engine: 'embedded' | 'postgres';
  /** The settings that lead to it. */
  readonly settings: NonNullable<TriptychSettings['database']>;
  /** For the embedded engine: the data to begin with. */
  readonly seed?: Blob;
  drop(): Promise<void>;
}

type CreateDatabase = (options?: { empty?: boolean }) => Promise<TestDatabase>;

export const embedded: CreateDatabase = ({ empty = false } = {}) => {
  const archive = join(process.env['TRIPTYCH_TEST_FOLDER'] ?? '', 'embedded.tar');
  return Promise.resolve({
    engine: 'embedded',
    settings: { dataDir: 'memory://' },
    ...(!empty && { seed: new Blob([readFileSync(archive)]) }),
    drop: () => Promise.resolve(),
  });
};

export const postgres: CreateDatabase = async ({ empty = false } = {}) => {
  const url = new URL(process.env['TEST_DATABASE_URL'] ?? '');
  // No later one has the name: who is left over from a test that failed finds its own, or nothing.
  const name = `triptych_test_${randomBytes(8).toString('hex')}`;
  await onServer(
    `CREATE DATABASE ${name} TEMPLATE ${empty ? IN_ORDER_OF_LANGUAGE : (process.env['TRIPTYCH_TEST_TEMPLATE'] ?? '')}`,
  );
  url.pathname = name;
  return {
    engine: 'postgres',
    settings: { url: url.href },
    drop: () => onServer(`DROP DATABASE ${name} WITH (FORCE)`),
  };
};

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client(process.env['TEST_DATABASE_URL']);
  await client.connect();
  await client.query(sql);
  await client.end();
}

/** Runs a suite on the embedded engine, and on PostgreSQL too when `TEST_DATABASE_URL` names one. */
export function describeOnEachEngine(name: string, suite: (createDatabase: CreateDatabase) => void): void {
  describe(`${name} · embedded`, () => {
    suite(embedded);
  });
  if (process.env['TEST_DATABASE_URL'])
    describe(`${name} · postgres`, () => {
      suite(postgres);
    });
}
