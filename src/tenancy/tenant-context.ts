import { Injectable } from '@nestjs/common';
import { ClsServiceManager } from 'nestjs-cls';
import { InvalidTenantError, TenantRequiredError } from '../errors.js';

const TENANT = Symbol('triptych.tenant');
const TENANT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** The tenant in whose scope the caller runs; `undefined` outside any. */
export function currentTenant(): string | undefined {
  const cls = ClsServiceManager.getClsService();
  return cls.isActive() ? cls.get<string | undefined>(TENANT) : undefined;
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
   * @throws InvalidTenantError when the id is not 1 to 128 of `A-Z a-z 0-9 . _ -`, led by a letter or digit
   */
  run<T>(tenantId: string, work: () => T): T {
    if (typeof tenantId !== 'string' || !TENANT_ID.test(tenantId)) throw new InvalidTenantError();
    const cls = ClsServiceManager.getClsService();
    return cls.run({ ifNested: 'inherit' }, () => {
      cls.set(TENANT, tenantId);
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
