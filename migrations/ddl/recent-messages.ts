/** Whether a row is a message of such a role, or of such a class, in either form in which messages are kept. */
const isOf = (row: string, roles: readonly string[], classes: readonly string[]): string =>
  `coalesce(${row}.body ->> 'role' IN (${quoted(roles)}) OR ${row}.body ->> 'class' IN (${quoted(classes)}), false)`;
const isUser = (row: string): string => isOf(row, ['user'], ['HumanMessage', 'HumanMessageChunk']);
const isInstruction = (row: string): string =>
  isOf(row, ['system', 'developer'], ['SystemMessage', 'SystemMessageChunk']);
const isResult = (row: string): string =>
  isOf(
    row,
    ['tool', 'function'],
    ['ToolMessage', 'ToolMessageChunk', 'FunctionMessage', 'FunctionMessageChunk'],
  );

/** Instructions at the head of a thread that are looked at. */
const MOST_INSTRUCTIONS = 32;

/**
 * The function `shared.recent_messages`.
 * @param wholeCalls whether results of tools are read with their call, and count for no more than the quarter to which a
 *   history that is cut shortens them (`PIECE_PART`); else it may stop amid the results of a call
 */
export function recentMessages({ wholeCalls }: { wholeCalls: boolean }): string {
  const isCallToCome = wholeCalls ? 'is_result' : 'false';
  return `
      CREATE OR REPLACE FUNCTION shared.recent_messages(of_tenant text, of_session uuid, enough integer, most integer)
      RETURNS TABLE (seq integer, "messageId" text, format text, body json, tokens integer, encoding text,
                     "createdAt" timestamptz)
      LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED ROWS 100
      SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
      AS $body$
#variable_conflict use_column
DECLARE
  found record;
  total bigint := 0;
  results bigint := 0;
  is_result boolean := false;
  oldest integer := 2147483647;
  asked boolean := false;
BEGIN
  FOR found IN
    SELECT m.* FROM shared.session_messages m
     WHERE m.tenant_id = of_tenant AND m.session_id = of_session AND m.namespace = '' AND m.live
     ORDER BY m.seq DESC LIMIT most
  LOOP
    EXIT WHEN asked AND total > enough AND NOT ${isCallToCome};
    IF NOT asked THEN asked := ${isUser('found')}; END IF;
    CONTINUE WHEN total > enough AND NOT asked AND NOT ${isCallToCome};
    is_result := ${isResult('found')};
    IF ${isCallToCome} THEN
      results := results + found.tokens;
    ELSE
      total := total + least(results, enough / 4) + found.tokens;
      results := 0;
    END IF;
    oldest := found.seq;
    seq := found.seq; "messageId" := found.message_id; format := found.format; body := found.body;
    tokens := found.tokens; encoding := found.encoding; "createdAt" := found.created_at;
    RETURN NEXT;
  END LOOP;
  total := 0;
  FOR found IN
    SELECT m.* FROM shared.session_messages m
     WHERE m.tenant_id = of_tenant AND m.session_id = of_session AND m.namespace = '' AND m.live AND m.seq < oldest
     ORDER BY m.seq LIMIT ${MOST_INSTRUCTIONS}
  LOOP
    EXIT WHEN total > enough OR NOT ${isInstruction('found')};
    total := total + found.tokens;
    seq := found.seq; "messageId" := found.message_id; format := found.format; body := found.body;
    tokens := found.tokens; encoding := found.encoding; "createdAt" := found.created_at;
    RETURN NEXT;
  END LOOP;
END $body$`;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}
