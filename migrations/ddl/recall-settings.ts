const ROLE = 'triptych_app';

/**
 * `hold_recall_settings` answers with which text search configuration and in which spaces of vectors (`model/dimensions`) a
 * tenant's index is written, and keeps it so until the end of the transaction: every writer of the index asks it first, in
 * the statement that writes or in one before. It shares a lock, which a rewrite of the index and each step of a migration
 * of its vectors take alone.
 *
 * It is a function for its snapshot: whoever had to wait sees what was committed meanwhile, while the statement around it
 * sees what there was when it began.
 *
 * The first to write takes the defaults and notes them, so that other defaults later are not mixed with them. Those who come
 * while that is not committed wait for it for a second, since processes may have two defaults while one is rolled out. Who
 * has waited in vain, for somebody's long transaction, goes on with his own and is told that they are not noted. Without
 * defaults nothing is noted.
 */
export const HOLD_RECALL_SETTINGS: readonly string[] = [
  `CREATE OR REPLACE FUNCTION shared.hold_recall_settings(
     of_tenant text, default_text_search text, default_space text,
     OUT text_search text, OUT space text, OUT next_space text, OUT is_noted boolean)
   LANGUAGE plpgsql VOLATILE
   AS $body$
#variable_conflict use_column
DECLARE
  tries integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended('recall ' || of_tenant, 0));
  SELECT s.text_search, s.space, s.next_space INTO text_search, space, next_space
    FROM shared.recall_settings s WHERE s.tenant_id = of_tenant;
  WHILE (text_search IS NULL OR space IS NULL) AND default_text_search IS NOT NULL AND tries < 50 LOOP
    IF pg_try_advisory_xact_lock(hashtextextended('recall_settings ' || of_tenant, 0)) THEN
      INSERT INTO shared.recall_settings AS s (tenant_id, text_search, space)
      VALUES (of_tenant, default_text_search, default_space)
      ON CONFLICT ON CONSTRAINT recall_settings_pkey DO UPDATE SET space = excluded.space WHERE s.space IS NULL;
      tries := 50;
    ELSE
      PERFORM pg_sleep(0.02);
    END IF;
    tries := tries + 1;
    SELECT s.text_search, s.space, s.next_space INTO text_search, space, next_space
      FROM shared.recall_settings s WHERE s.tenant_id = of_tenant;
  END LOOP;
  is_noted := space IS NOT NULL;
  text_search := coalesce(text_search, default_text_search);
  space := coalesce(space, default_space);
END $body$`,
  `REVOKE EXECUTE ON FUNCTION shared.hold_recall_settings FROM PUBLIC`,
  `GRANT EXECUTE ON FUNCTION shared.hold_recall_settings TO ${ROLE}`,
];
