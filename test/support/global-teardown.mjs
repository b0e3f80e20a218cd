import { rmSync } from 'node:fs';
import pg from 'pg';

/** Removes what the global set-up made. */
export default async function globalTeardown() {
  const { TRIPTYCH_TEST_FOLDER, TRIPTYCH_TEST_TEMPLATE, TEST_DATABASE_URL } = process.env;
  if (TRIPTYCH_TEST_FOLDER) rmSync(TRIPTYCH_TEST_FOLDER, { recursive: true, force: true });
  if (!TEST_DATABASE_URL) return;
  const admin = new pg.Client(TEST_DATABASE_URL);
  await admin.connect();
  await admin.query(`DROP DATABASE IF EXISTS ${TRIPTYCH_TEST_TEMPLATE}`);
  await admin.end();
}
