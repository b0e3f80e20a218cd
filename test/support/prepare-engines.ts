// Run by global-setup.mjs in a process of its own: Jest does not resolve our imports in a global set-up.
import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { checkOptions } from '../../src/config/load-options.js';
import { Database } from '../../src/database/database.js';
import { EmbeddedEngine } from '../../src/database/embedded-engine.js';
import { MigrationDataSource } from '../../src/database/migration-data-source.js';
import { IN_ORDER_OF_LANGUAGE } from './order-of-language.js';

const [, , folder = '', template = ''] = process.argv;

async function archiveEmbedded(file: string): Promise<void> {
  const options = checkOptions({ database: { dataDir: 'memory://' } });
  const embedded = await EmbeddedEngine.open('memory://');
  const dataSource = new MigrationDataSource({ options, embedded, entities: [] });
  await dataSource.initialize();
  await dataSource.runMigrations();
  await dataSource.destroy();
  const archive = await embedded.pglite.dumpDataDir('none');
  writeFileSync(file, Buffer.from(await archive.arrayBuffer()));
  await embedded.close();
}

async function createTemplate(url: string, name: string): Promise<void> {
  const admin = new pg.Client(url);
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name} TEMPLATE ${IN_ORDER_OF_LANGUAGE}`);
  await admin.end();
  const target = new URL(url);
  target.pathname = name;
  const options = checkOptions({ database: { url: target.href, migrateOnStart: true } });
  const database = await Database.open({ options, entities: [], tenantOfCaller: () => undefined });
  await database.close();
}

await archiveEmbedded(join(folder, 'embedded.tar'));
const url = process.env['TEST_DATABASE_URL'];
if (url) await createTemplate(url, template);
