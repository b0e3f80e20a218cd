import { Global, Module } from '@nestjs/common';
import { AuthenticationGuard } from './authentication.guard.js';
import { TenantContext } from './tenant-context.js';
import { TenantInterceptor } from './tenant.interceptor.js';

/** Who is asking. Registers nothing of `nestjs-cls`: a host application may have its own `ClsModule`. */
@Global()
@Module({
  providers: [TenantContext, TenantInterceptor, AuthenticationGuard],
  exports: [TenantContext, TenantInterceptor, AuthenticationGuard],
})
export class TenancyModule {}
