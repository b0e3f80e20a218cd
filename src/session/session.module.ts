import { Module } from '@nestjs/common';
import { SessionStore } from './session-store.js';
import { SessionSummaries } from './session-summaries.js';

/** Tier 1: what was said. */
@Module({ providers: [SessionStore, SessionSummaries], exports: [SessionStore, SessionSummaries] })
export class SessionModule {}
