import { Global, Module } from '@nestjs/common';
import { TenantSpaces } from './tenant-spaces.js';

/** What the tiers share in finding things again. */
@Global()
@Module({ providers: [TenantSpaces], exports: [TenantSpaces] })
export class RecallModule {}
