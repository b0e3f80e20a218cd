import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { Observable } from 'rxjs';
import { TenantRequiredError } from '../errors.js';
import { TenantContext } from './tenant-context.js';
import { tenantOf } from './authentication.guard.js';

/** Opens the tenant's scope around a handler, from the tenant that the guard read off the credential. */
@Injectable()
export class TenantInterceptor implements NestInterceptor {
  constructor(private readonly tenants: TenantContext) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const tenantId = tenantOf(context.switchToHttp().getRequest());
    if (tenantId === undefined) throw new TenantRequiredError();
    // The handler runs when the stream is subscribed to, so that has to happen inside the scope.
    return new Observable((subscriber) =>
      this.tenants.run(tenantId, () => next.handle().subscribe(subscriber)),
    );
  }
}
