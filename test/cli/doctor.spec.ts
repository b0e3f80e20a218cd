// Over 200 lines: one command, and every way in which a set-up can be broken.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import pg from 'pg';
import { FolderLock } from '../../src/database/folder-lock.js';
import { checkNode } from '../../src/doctor/check-node.js';
import { connectionFailure } from '../../src/doctor/connection-failure.js';
import type { Finding } from '../../src/doctor/finding.js';
import { EmbeddingsServer } from '../support/embeddings-server.js';
import { postgres, type TestDatabase } from '../support/engines.js';
import { PgBouncer } from '../support/pgbouncer.js';
import { PostgresCluster } from '../support/postgres-cluster.js';
import { TestService } from '../support/service.js';
import { triptych } from '../support/triptych.js';
import { freePort } from '../support/free-port.js';

interface Diagnosis {
  status: number;
  findings: Record<string, Finding>;
  said: string;
}

async function diagnosed(environment: NodeJS.ProcessEnv): Promise<Diagnosis> {
  const settings = { PORT: String(await freePort()), DATA_DIR: 'memory://', ...environment };
  const { status, stdout, stderr } = await triptych(settings, ['doctor', '--json']);
  expect(stderr).toBe('');
  const { isHealthy, findings } = JSON.parse(stdout) as { isHealthy: boolean; findings: Finding[] };
  expect(isHealthy).toBe(status === 0);
  return { status, findings: Object.fromEntries(findings.map((one) => [one.name, one])), said: stdout };
}

/** A finding of this state, of which these are parts. */
function found(state: Finding['state'], detail: RegExp, remedy?: RegExp): unknown {
  return expect.objectContaining({
    state,
    detail: expect.stringMatching(detail) as unknown,
    ...(remedy && { remedy: expect.stringMatching(remedy) as unknown }),
  });
}

describe('triptych doctor', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'triptych-doctor-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('finds nothing wrong where nothing is yet, and makes nothing', async () => {
    const dataDir = join(folder, 'not', 'there');
    const { status, findings } = await diagnosed({ DATA_DIR: dataDir });
    expect(status).toBe(0);
    expect(Object.values(findings).map(({ state }) => state)).toEqual(Object.keys(findings).map(() => 'ok'));
    expect(findings['database']).toEqual(found('ok', /the first start makes it/));
    expect(existsSync(join(folder, 'not'))).toBe(false);
  });

  it('speaks to a person, with colours where they are wanted', async () => {
    const settings = { PORT: String(await freePort()), DATA_DIR: 'memory://' };
    const plain = await triptych(settings, ['doctor']);
    expect(plain).toMatchObject({ status: 0, stderr: '' });
    expect(plain.stdout).toMatch(/^ok {7}node {12}\d+\.\d+/m);
    expect(plain.stdout).toMatch(
      /^warning {2}data folder {5}memory:\/\/ keeps nothing\n {25}→ Set DATA_DIR/m,
    );
    expect(plain.stdout).toMatch(/\n\n0 failed, 1 to look at, \d+ in order\.\n$/);
    const colored = await triptych(settings, ['doctor'], { isTerminal: true });
    expect(colored.stdout).toContain('\u001b[32mok       \u001b[0m');
    for (const [environment, args] of [
      [{ ...settings, NO_COLOR: '1' }, ['doctor']],
      [settings, ['doctor', '--no-color']],
    ] as const)
      expect((await triptych(environment, args, { isTerminal: true })).stdout).not.toContain('\u001b[');
  });

  it('tells of all bad settings at once, and looks at the rest', async () => {
    const { status, findings, said } = await diagnosed({
      ...{ AUTH_MODE: 'jwt', JWT_ISSUER: 'me', EMBEDDING_DIMENSIONS: '0', OPENAI_API_KEY: 'sk-secret' },
      ...{ RATE_LIMIT: 'lots', BUDGET_SHARES: '{"systemPrompt":1}', DATA_DIR: folder },
    });
    expect(status).toBe(1);
    for (const name of [
      'JWT_AUDIENCE',
      'JWT_JWKS_URL',
      'EMBEDDING_DIMENSIONS',
      'RATE_LIMIT',
      'BUDGET_SHARES',
    ])
      expect(findings['settings']).toEqual(
        found('failed', new RegExp(`^${name}[.:]`, 'm'), /\.env\.example/),
      );
    for (const name of ['authentication', 'embeddings'])
      expect(findings[name]).toEqual(found('skipped', /not acceptable/));
    expect(findings['data folder']).toEqual(found('ok', /triptych-doctor/));
    expect(said).not.toContain('secret');
    const misspelt = await diagnosed({
      ...{ DEFAULT_TIER: 'resoning', AUTH_MODE: 'api-key' },
      DATABASE_URL: 'postgres://me:secret@127.0.0.1:1/db',
    });
    expect(misspelt.findings['settings']).toEqual(found('failed', /^DEFAULT_TIER: "resoning" is none/));
    expect(misspelt.findings['authentication']).toEqual(found('ok', /^API keys/));
    expect(misspelt.findings['database']).toEqual(found('failed', /127\.0\.0\.1:1/));
    const noDatabase = await diagnosed({ DATABASE_URL: 'mysql://root:secret@127.0.0.1/x' });
    expect(noDatabase.findings['database']).toEqual(found('skipped', /not acceptable/));
    expect(noDatabase.said).not.toContain('secret');
  });

  it('says what is wrong with who may ask', async () => {
    const dev = await diagnosed({ NODE_ENV: 'production' });
    expect(dev.findings['authentication']).toEqual(found('failed', /AUTH_MODE=dev/, /AUTH_MODE=api-key/));
    const url = `http://127.0.0.1:${await freePort()}/jwks`;
    const jwt = { AUTH_MODE: 'jwt', JWT_ISSUER: 'i', JWT_AUDIENCE: 'a', JWT_JWKS_URL: url };
    expect((await diagnosed(jwt)).findings['authentication']).toEqual(
      found('failed', /ECONNREFUSED/, /JWT_JWKS_URL/),
    );
  });

  it('shows no secret of the address of the keys', async () => {
    const keys = createServer((_request, response) => response.end('{"keys":[{"alg":"ES256"}]}'));
    await new Promise<void>((done) => keys.listen(0, '127.0.0.1', done));
    const { port } = keys.address() as AddressInfo;
    const jwt = { AUTH_MODE: 'jwt', JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' };
    try {
      const url = `127.0.0.1:${port}/jwks`;
      const parameter = await diagnosed({ ...jwt, JWT_JWKS_URL: `http://${url}?tenant=acme&key=sk-secret` });
      expect(parameter.findings['authentication']).toEqual(found('ok', /jwks\?tenant=acme&key=\*\*\*$/));
      const user = await diagnosed({ ...jwt, JWT_JWKS_URL: `http://me:sk-secret@${url}` });
      expect(user.findings['settings']).toEqual(found('failed', /^JWT_JWKS_URL: must name no user/m));
      expect(user.findings['authentication']).toEqual(found('skipped', /not acceptable/));
      for (const { said } of [parameter, user]) expect(said).not.toContain('secret');
    } finally {
      keys.closeAllConnections();
      keys.close();
    }
  });

  it('asks the embeddings server, and says what it does wrong', async () => {
    const server = await EmbeddingsServer.start({ dimensions: 256 });
    const settings = {
      ...{ OPENAI_BASE_URL: server.url, OPENAI_API_KEY: 'sk-secret-key', EMBEDDING_MODEL: 'm@256' },
      EMBEDDING_DIMENSIONS: '256',
    };
    try {
      const works = await diagnosed(settings);
      expect(works.findings['embeddings']).toEqual(
        found('ok', /^m@256 of 127\.0\.0\.1:\d+: 256 dimensions, answered in \d+ ms$/),
      );
      const long = await diagnosed({ ...settings, EMBEDDING_DIMENSIONS: '512' });
      expect(long.findings['embeddings']).toEqual(
        found('failed', /256 dimensions, not 512/, /EMBEDDING_DIMENSIONS/),
      );
      server.fail({ status: 401 });
      const refused = await diagnosed(settings);
      expect(refused.status).toBe(1);
      expect(refused.findings['embeddings']).toEqual(
        found('failed', /status 401.*OPENAI_API_KEY/, /words alone/),
      );
      for (const { said } of [works, long, refused]) expect(said).not.toContain('sk-secret');
    } finally {
      await server.close();
    }
  });

  it('says that the port is taken by somebody else', async () => {
    const other: Server = createServer((_request, response) => response.end('Hello'));
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    const { port } = other.address() as AddressInfo;
    try {
      const { status, findings } = await diagnosed({ PORT: String(port) });
      expect(status).toBe(1);
      expect(findings['port']).toEqual(found('failed', /is taken/, /another PORT/));
    } finally {
      other.closeAllConnections();
      other.close();
    }
  });

  it('says that the data folder cannot be written to', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const { status, findings } = await diagnosed({ DATA_DIR: join(file, 'data') });
    expect(status).toBe(1);
    expect(findings['data folder']).toEqual(
      found('failed', /file cannot be written to \(ENOTDIR\)/, /another DATA_DIR/),
    );
  });

  it('names who uses the data folder, and looks into it when nobody does', async () => {
    const seed = new Blob([readFileSync(join(process.env['TRIPTYCH_TEST_FOLDER'] ?? '', 'embedded.tar'))]);
    const home = {
      engine: 'embedded',
      settings: { dataDir: folder },
      seed,
      drop: () => Promise.resolve(),
    } as const;
    const service = await TestService.start(home);
    const served = await diagnosed({ DATA_DIR: folder, PORT: new URL(service.url).port });
    expect(served.status).toBe(0);
    expect(served.findings['port']).toEqual(found('ok', /a service answers at .*, and is ready/));
    expect(served.findings['lock']).toEqual(
      found('ok', new RegExp(`the service uses .*process ${process.pid}`)),
    );
    expect(served.findings['database']).toEqual(found('skipped', /in use/));
    await service.stop();

    const free = await diagnosed({ DATA_DIR: folder });
    expect(free.status).toBe(0);
    expect(free.findings['schema']).toEqual(found('ok', /all \d+ migrations are done/));
    expect(free.findings['isolation']).toEqual(found('ok', /forced on every table/));

    const lock = await FolderLock.acquire(folder);
    const held = await diagnosed({ DATA_DIR: folder });
    lock.release();
    expect(held.status).toBe(1);
    expect(held.findings['lock']).toEqual(
      found('failed', new RegExp(`process ${process.pid}`), /Stop that process/),
    );
  });

  it.each([
    [
      'a host that nobody knows',
      'postgres://me:secret@nowhere.invalid/db',
      /the name nowhere\.invalid is not known/,
      /DNS/,
    ],
    [
      'a port on which nobody listens',
      'postgres://me:secret@127.0.0.1:1/db',
      /nobody listens on 127\.0\.0\.1:1/,
      /Start PostgreSQL/,
    ],
  ])('says so of %s, and shows no password', async (_what, url, detail, remedy) => {
    const { status, findings, said } = await diagnosed({ DATABASE_URL: url });
    expect(status).toBe(1);
    expect(findings['database']).toEqual(found('failed', detail, remedy));
    expect(said).not.toContain('secret');
  });

  it('tells a certificate for another host from one that is not believed', () => {
    const certificate = { subject: { CN: 'db' }, subjectaltname: 'DNS:db.internal' } as PeerCertificate;
    const error = checkServerIdentity('db.example.com', certificate);
    expect(connectionFailure(error, { user: 'ada', database: 'one' })).toEqual(
      found('failed', /certificate is for another host.*db\.internal/, /a host that the certificate names/),
    );
    const unknown = Object.assign(new Error('unable to verify'), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
    expect(connectionFailure(unknown, { user: 'ada', database: 'one' })).toEqual(
      found('failed', /not believed/, /sslrootcert/),
    );
  });

  it('reads which versions of Node.js will do', () => {
    expect(['20.19.0', '20.20.2', '22.13.0', '24.1.0'].map((version) => checkNode(version).state)).toEqual(
      Array.from({ length: 4 }, () => 'ok'),
    );
    expect(['18.20.0', '20.18.9', '21.7.0', '22.12.9'].map((version) => checkNode(version).state)).toEqual(
      Array.from({ length: 4 }, () => 'failed'),
    );
  });
});

const server = process.env['TEST_DATABASE_URL'];
if (server)
  describe('triptych doctor on PostgreSQL', () => {
    /** A name that has to be quoted. */
    const role = `triptych Doctor-${process.pid}`;
    let database: TestDatabase;
    let empty: TestDatabase;

    const onServer = async (url: string, sql: string): Promise<void> => {
      const client = new pg.Client(url);
      await client.connect();
      await client.query(sql).finally(() => client.end());
    };
    const urlOf = ({ settings: { url = '' } }: TestDatabase, user?: string): string => {
      const parsed = new URL(url);
      if (user !== undefined) parsed.username = user;
      return parsed.href;
    };

    beforeAll(async () => {
      database = await postgres();
      empty = await postgres({ empty: true });
      await onServer(server, `CREATE ROLE "${role}" LOGIN`);
    });
    afterAll(async () => {
      await database.drop();
      await empty.drop();
      await onServer(server, `DROP ROLE "${role}"`);
    });

    it('warns of a login that is a superuser, and finds the rest in order', async () => {
      const { status, findings } = await diagnosed({ DATABASE_URL: urlOf(database) });
      expect(status).toBe(0);
      const { roles, ...others } = findings;
      expect(roles).toEqual(found('warning', /is a superuser/, /Setting up PostgreSQL/));
      expect(Object.values(others).filter(({ state }) => state !== 'ok')).toEqual([]);
      expect(Object.keys(others)).toEqual(
        expect.arrayContaining([
          'clock',
          'pooler',
          'connections',
          'pgvector',
          'schema',
          'isolation',
          'vectors',
        ]),
      );
    });

    it('says what keeps a schema from being there', async () => {
      const settings = { DATABASE_URL: urlOf(empty) };
      const { status, findings } = await diagnosed(settings);
      expect(status).toBe(1);
      expect(findings['pgvector']).toEqual(found('warning', /not in this database/, /first migration/));
      expect(findings['schema']).toEqual(found('failed', /no schema yet/, /migrate run/));
      expect(findings['isolation']).toEqual(found('skipped', /schema/));
      expect((await diagnosed({ ...settings, MIGRATE_ON_START: 'true' })).status).toBe(0);

      const plain = await diagnosed({ DATABASE_URL: urlOf(empty, role) });
      expect(plain.findings['pgvector']).toEqual(
        found('failed', /the login may not set it up/, /CREATE EXTENSION vector/),
      );
      expect(plain.findings['roles']).toEqual(
        found(
          'failed',
          new RegExp(`"${role}" cannot act as triptych_app`),
          new RegExp(`GRANT triptych_app TO "${role}";`),
        ),
      );
    });

    it('says that the server has too old a pgvector for the first migration', async () => {
      const url = new URL(urlOf(empty));
      await onServer(
        url.href,
        `CREATE SCHEMA old;
         CREATE VIEW old.pg_available_extensions AS SELECT 'vector' AS name, '0.7.4' AS default_version`,
      );
      url.searchParams.set('options', '-csearch_path=old,pg_catalog');
      const { status, findings } = await diagnosed({ DATABASE_URL: url.href, MIGRATE_ON_START: 'true' });
      await onServer(urlOf(empty), 'DROP SCHEMA old CASCADE');
      expect(status).toBe(1);
      expect(findings['pgvector']).toEqual(found('failed', /0\.7\.4, which is too old/, /0\.8 or later/));
    });

    it('says that who serves has no use of pgvector', async () => {
      await onServer(urlOf(database), 'REVOKE USAGE ON SCHEMA public FROM PUBLIC');
      const serving = await diagnosed({ DATABASE_URL: urlOf(database) });
      await onServer(urlOf(database), 'GRANT USAGE ON SCHEMA public TO PUBLIC');
      expect(serving.status).toBe(1);
      expect(serving.findings['pgvector']).toEqual(
        found(
          'failed',
          /^triptych_app has no use.*schema public/,
          /`GRANT USAGE ON SCHEMA public TO triptych_app`/,
        ),
      );
      await onServer(urlOf(empty), 'CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions');
      const migrating = await diagnosed({ DATABASE_URL: urlOf(empty, role) });
      await onServer(urlOf(empty), 'DROP SCHEMA extensions CASCADE');
      expect(migrating.findings['pgvector']).toEqual(
        found(
          'failed',
          new RegExp(`^"${role}" has no use`),
          /SET search_path = "\$user", public, extensions`/,
        ),
      );
    });

    it('says that a database takes not every text, or no policies', async () => {
      const url = new URL(urlOf(empty));
      url.searchParams.set('options', '-crow_security=off');
      expect((await diagnosed({ DATABASE_URL: url.href })).findings['server']).toEqual(
        found('failed', /row_security is off/, /`ALTER ROLE \w+ RESET row_security`/),
      );
      const ascii = new URL(urlOf(empty));
      ascii.pathname += '_ascii';
      const name = ascii.pathname.slice(1);
      await onServer(server, `CREATE DATABASE ${name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0`);
      const { findings } = await diagnosed({ DATABASE_URL: ascii.href });
      await onServer(server, `DROP DATABASE ${name}`);
      expect(findings['server']).toEqual(
        found('failed', /is SQL_ASCII/, /ENCODING 'UTF8' TEMPLATE template0/),
      );
    });

    it('counts the sessions of other logins, whoever asks', async () => {
      const other = new pg.Client(server);
      await other.connect();
      const { findings } = await diagnosed({ DATABASE_URL: urlOf(empty, role) });
      await other.end();
      const [, used] = /^(\d+) of \d+ are in use/.exec(findings['connections']?.detail ?? '') ?? [];
      expect(Number(used)).toBeGreaterThan(1);
    });

    it('says what was changed by hand', async () => {
      const url = urlOf(database);
      await onServer(url, 'ALTER TABLE shared.sessions NO FORCE ROW LEVEL SECURITY');
      const open = await diagnosed({ DATABASE_URL: url });
      expect(open.findings['isolation']).toEqual(
        found('failed', /shared\.sessions: row-level security is not/),
      );
      await onServer(url, `DELETE FROM shared.migrations WHERE id = (SELECT max(id) FROM shared.migrations)`);
      const behind = await diagnosed({ DATABASE_URL: url, TEXT_SEARCH: 'klingon' });
      expect(behind.findings['schema']).toEqual(found('failed', /behind by 1 migration/, /migrate run/));
      expect(behind.findings['text search']).toEqual(
        found('failed', /klingon.*It has: arabic/, /TEXT_SEARCH/),
      );
    });

    it('says at which step a connection fails', async () => {
      const missing = new URL(urlOf(database));
      missing.pathname = '/nowhere';
      expect((await diagnosed({ DATABASE_URL: missing.href })).findings['database']).toEqual(
        found('failed', /the database is not there .*database nowhere/, /CREATE DATABASE/),
      );
      const stranger = urlOf(database, 'triptych_nobody');
      expect((await diagnosed({ DATABASE_URL: stranger })).findings['database']).toEqual(
        found('failed', /the login is not let in \(user triptych_nobody/, /pg_hba\.conf/),
      );
    });

    (PgBouncer.isInstalled ? it : it.skip)('warns of a pooler of transactions', async () => {
      const bouncer = await PgBouncer.start(server, 3);
      try {
        const { findings } = await diagnosed({ DATABASE_URL: bouncer.urlOf(urlOf(empty)) });
        expect(findings['pooler']).toEqual(found('warning', /pools transactions/, /pool_mode=session/));
      } finally {
        await bouncer.stop();
      }
    });

    (PostgresCluster.isPossible ? it : it.skip)('says that a password is wrong, or that TLS is', async () => {
      const cluster = await PostgresCluster.start();
      try {
        await onServer(cluster.url, `CREATE ROLE ada LOGIN PASSWORD 'right-secret'`);
        const rules = ['ada 127.0.0.1/32 scram-sha-256', 'eve all reject', 'postgres 127.0.0.1/32 trust'];
        const lines = rules.map((rule) => `host all ${rule}\n`).join('');
        writeFileSync(join(cluster.folder, 'data/pg_hba.conf'), lines);
        await onServer(cluster.url, 'SELECT pg_reload_conf()');
        const url = new URL(cluster.url);
        url.username = 'ada';
        for (const [password, detail] of [
          ['wrong-secret', /the password is wrong \(user ada/],
          ['', /the password is missing or wrong/],
        ] as const) {
          url.password = password;
          const { findings, said } = await diagnosed({ DATABASE_URL: url.href });
          expect(findings['database']).toEqual(found('failed', detail, /password/));
          expect(said).not.toContain('secret');
        }
        url.password = 'right-secret';
        for (const user of ['eve', 'mallory']) {
          url.username = user;
          expect((await diagnosed({ DATABASE_URL: url.href })).findings['database']).toEqual(
            found('failed', new RegExp(`not let in \\(user ${user}.*no encryption`), /sslmode=require/),
          );
        }
        url.username = 'ada';
        url.searchParams.set('sslmode', 'require');
        expect((await diagnosed({ DATABASE_URL: url.href })).findings['database']).toEqual(
          found('failed', /TLS: it speaks none/, /sslmode=disable/),
        );
      } finally {
        await cluster.stop();
      }
    });
  });
