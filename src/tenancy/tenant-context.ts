import { Injectable } from '@nestjs/common';
import { ClsServiceManager } from 'nestjs-cls';
import { requireText } from '../database/storable.js';
import { InvalidTenantError, TenantRequiredError } from '../errors.js';

const TENANT = Symbol('triptych.tenant');
const ACTOR = Symbol('triptych.actor');
/** Whoever acts where nobody was named: the application itself. */
const SYSTEM = 'system';
const LONGEST_ACTOR = 256;
const TENANT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Whether a value is a tenant id: 1 to 128 of `A-Z a-z 0-9 . _ -`, led by a letter or a digit. */
export function isTenantId(value: unknown): value is string {
  return typeof value === 'string' && TENANT_ID.test(value);
}

/** The tenant in whose scope the caller runs; `undefined` outside any. */
export function currentTenant(): string | undefined {
  const cls = ClsServiceManager.getClsService();
  return cls.isActive() ? cls.get<string | undefined>(TENANT) : undefined;
}

/** Who acts for that tenant, as the audit log names them; `system` where nobody was named. */
export function currentActor(): string {
  const cls = ClsServiceManager.getClsService();
  return (cls.isActive() ? cls.get<string | undefined>(ACTOR) : undefined) ?? SYSTEM;
}

/**
 * Says for which tenant code runs. Over HTTP the interceptor opens the scope; elsewhere `run` does. The
 * scope is one of `nestjs-cls`, nested in the host application's own when there is one: what the host
 * keeps there stays readable, and our tenant disappears with the scope.
 */
@Injectable()
export class TenantContext {
  /**
   * Runs `work` for one tenant and answers what it answers.
   * @param options.actor who acts, up to 256 characters, for the audit log; default: the actor of the scope
   * around this one, else `system`
   * @throws InvalidTenantError when the id is not 1 to 128 of `A-Z a-z 0-9 . _ -`, led by a letter or digit
   * @throws InvalidInputError when the actor is no text that could be stored
   */
  run<T>(tenantId: string, work: () => T, { actor }: { actor?: string } = {}): T {
    if (!isTenantId(tenantId)) throw new InvalidTenantError();
    if (actor !== undefined) requireText(actor, 'actor', LONGEST_ACTOR);
    const cls = ClsServiceManager.getClsService();
    return cls.run({ ifNested: 'inherit' }, () => {
      cls.set(TENANT, tenantId);
      if (actor !== undefined) cls.set(ACTOR, actor);
      return work();
    });
  }

  /** The tenant in scope, if there is one. */
  get current(): string | undefined {
    return currentTenant();
  }

  /** @throws TenantRequiredError outside any scope; there is no default tenant */
  require(): string {
    const tenant = currentTenant();
    if (tenant === undefined) throw new TenantRequiredError();
    return tenant;
  }
}
