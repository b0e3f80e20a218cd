import { Module } from '@nestjs/common';
import { SessionStore } from './session-store.js';

/** Tier 1: what was said. */
@Module({ providers: [SessionStore], exports: [SessionStore] })
export class SessionModule {}
