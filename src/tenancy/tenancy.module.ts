import { Global, Module } from '@nestjs/common';
import { TRIPTYCH_OPTIONS } from '../config/options.js';
import { Database } from '../database/database.js';
import { AuditLog } from './audit-log.js';
import { AuthenticationGuard } from './authentication.guard.js';
import { Authenticator } from './authenticator.js';
import { createAuthenticator } from './create-authenticator.js';
import { Idempotency } from './idempotency.js';
import { TenantContext } from './tenant-context.js';
import { TenantInterceptor } from './tenant.interceptor.js';
import { TenantLimits } from './tenant-limits.js';

/** Who is asking. Registers nothing of `nestjs-cls`: a host application may have its own `ClsModule`. */
@Global()
@Module({
  providers: [
    TenantContext,
    AuditLog,
    Idempotency,
    TenantInterceptor,
    AuthenticationGuard,
    TenantLimits,
    {
      provide: Authenticator,
      inject: [TRIPTYCH_OPTIONS, Database, TenantContext],
      useFactory: createAuthenticator,
    },
  ],
  exports: [
    TenantContext,
    AuditLog,
    Idempotency,
    TenantInterceptor,
    AuthenticationGuard,
    Authenticator,
    TenantLimits,
  ],
})
export class TenancyModule {}
