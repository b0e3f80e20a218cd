/**
 * The id under which LangGraph's tables know a tenant's thread. The tenant's length comes first, so that
 * no two pairs can give the same text, whatever characters they hold: `4:acme:a:b` is tenant `acme` and
 * thread `a:b`.
 */
export function threadKey(tenantId: string, threadId: string): string {
  return `${tenantId.length}:${tenantId}:${threadId}`;
}

/** The thread of a key, when the key is the tenant's. */
export function threadOf(tenantId: string, key: string): string | undefined {
  const prefix = threadKey(tenantId, '');
  return key.startsWith(prefix) ? key.slice(prefix.length) : undefined;
}
