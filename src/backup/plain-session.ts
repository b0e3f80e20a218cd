import type { EntityManager } from 'typeorm';

/**
 * The settings on which the text of a value depends, and the timeouts that a slow reader or writer at the other
 * end would run into; for the transaction.
 */
const SETTINGS = `
  SELECT set_config(name, value, true)
    FROM (VALUES ('TimeZone', 'UTC'), ('DateStyle', 'ISO, YMD'), ('IntervalStyle', 'postgres'),
                 ('bytea_output', 'hex'), ('extra_float_digits', '1'), ('cursor_tuple_fraction', '1'),
                 ('statement_timeout', '0'), ('lock_timeout', '0'),
                 ('idle_in_transaction_session_timeout', '0')) AS settings (name, value)`;

/** Makes the same value the same text on every server, for the rest of the transaction, however long it takes. */
export async function usePlainSession(manager: EntityManager): Promise<void> {
  await manager.query(SETTINGS);
}
