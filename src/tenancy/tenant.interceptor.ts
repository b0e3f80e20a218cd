import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { Observable } from 'rxjs';
import { TenantRequiredError } from '../errors.js';
import { TenantContext } from './tenant-context.js';
import { identityOf } from './authentication.guard.js';

/** Opens the scope of tenant and actor around a handler, as the guard read them off the credential. */
@Injectable()
export class TenantInterceptor implements NestInterceptor {
  constructor(private readonly tenants: TenantContext) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const identity = identityOf(context.switchToHttp().getRequest());
    if (!identity) throw new TenantRequiredError();
    const { tenantId, actor } = identity;
    // The handler runs when the stream is subscribed to, so that has to happen inside the scope.
    return new Observable((subscriber) =>
      this.tenants.run(tenantId, () => next.handle().subscribe(subscriber), { actor }),
    );
  }
}
