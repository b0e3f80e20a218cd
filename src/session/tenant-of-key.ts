/**
 * The tenant of a stored thread id (`4:acme:trip`), as an expression. Row-level security hides other tenants' rows as it is;
 * this says in the statement itself whose rows it is about, so that a distributed database knows where they are.
 * @param key an expression of that id, or of what those of the tenant begin with
 */
export function tenantOfKey(key: string): string {
  return `substr(${key}, strpos(${key}, ':') + 1, split_part(${key}, ':', 1)::int)`;
}

/** The condition that a row is of the tenant of the stored thread id $1. */
export function isOfTenant(column = 'tenant_id'): string {
  return `${column} = ${tenantOfKey('$1')}`;
}
