import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { TenantRequiredError } from '../errors.js';
import { TenantContext } from './tenant-context.js';
import { TenantLimits } from './tenant-limits.js';
import { identityOf } from './authentication.guard.js';

/**
 * Opens the scope of tenant and actor around a handler, as the guard read them off the credential, when it is
 * the tenant's turn.
 */
@Injectable()
export class TenantInterceptor implements NestInterceptor {
  constructor(
    private readonly tenants: TenantContext,
    private readonly limits: TenantLimits,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const identity = identityOf(context.switchToHttp().getRequest());
    if (!identity) throw new TenantRequiredError();
    const { tenantId, actor } = identity;
    // The handler runs when the stream is subscribed to, so that has to happen inside the scope.
    const handle = (): Promise<unknown> =>
      lastValueFrom<unknown, undefined>(next.handle(), { defaultValue: undefined });
    return from(this.limits.inTurn(tenantId, () => this.tenants.run(tenantId, handle, { actor })));
  }
}
