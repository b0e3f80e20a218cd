const ROLE = 'triptych_app';

/** What a rewrite of the index changes of a revision: what finds it again, and nothing of what it was. */
const FOUND_BY = 'chunks, lexemes, lexeme_chunks, frequencies, chunk_lengths, lexeme_count';

/**
 * `hold_text_search` answers with which text search configuration a tenant's index is written, and keeps it so until
 * the end of the transaction: every writer of the index asks it first, in the statement that writes or in one before. It
 * shares a lock, which a rewrite of the index takes alone.
 *
 * It is a function for its snapshot: whoever had to wait sees what was committed meanwhile, while the statement around it
 * sees what there was when it began.
 *
 * The first to write takes the default and notes it, so that another default later is not mixed with it. Those who come
 * while that is not committed take their own default and do not wait: it is the same, unless processes with two
 * defaults meet in a tenant's first moment. Without a default nothing is noted.
 */
export const TEXT_SEARCH: readonly string[] = [
  `CREATE OR REPLACE FUNCTION shared.hold_text_search(of_tenant text, by_default text) RETURNS text
   LANGUAGE plpgsql VOLATILE
   AS $body$
DECLARE
  held text;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended('recall ' || of_tenant, 0));
  SELECT text_search INTO held FROM shared.recall_settings WHERE tenant_id = of_tenant;
  IF held IS NULL AND by_default IS NOT NULL
     AND pg_try_advisory_xact_lock(hashtextextended('recall_settings ' || of_tenant, 0)) THEN
    INSERT INTO shared.recall_settings (tenant_id, text_search) VALUES (of_tenant, by_default) ON CONFLICT DO NOTHING;
    SELECT text_search INTO held FROM shared.recall_settings WHERE tenant_id = of_tenant;
  END IF;
  RETURN coalesce(held, by_default);
END $body$`,
  `REVOKE EXECUTE ON FUNCTION shared.hold_text_search FROM PUBLIC`,
  `GRANT EXECUTE ON FUNCTION shared.hold_text_search TO ${ROLE}`,
  `GRANT UPDATE (${FOUND_BY}) ON shared.memory_revisions TO ${ROLE}`,
];
