import type { TenantLanguage, TenantRegistry } from './tenant-registry.js';

/** Memories between two lines on a large index. */
const REPORT_EVERY = 1_000;
/** Stands for the setting `TEXT_SEARCH`. */
const DEFAULT = 'default';

/** Shows with what a tenant's index is written, and says when that is a default of another day. */
export async function shownLanguage(registry: TenantRegistry, tenantId: string): Promise<TenantLanguage> {
  const language = await registry.language(tenantId);
  if (!language.isOwn && language.textSearch !== language.default)
    console.error(
      `The index is written with ${language.textSearch}, and TEXT_SEARCH is ${language.default}: ` +
        `language ${tenantId} ${DEFAULT} writes it anew.`,
    );
  return language;
}

/** Sets the configuration of a tenant, writes its index anew, and says how far it is. */
export async function rewrittenLanguage(
  registry: TenantRegistry,
  tenantId: string,
  configuration: string,
): Promise<TenantLanguage> {
  let next = REPORT_EVERY;
  return registry.setLanguage(tenantId, configuration === DEFAULT ? null : configuration, (done, of) => {
    if (done < next || done >= of) return;
    next = done - (done % REPORT_EVERY) + REPORT_EVERY;
    console.error(`${done} of ${of} memories`);
  });
}
