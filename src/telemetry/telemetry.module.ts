import { Global, Module } from '@nestjs/common';
import { Meter } from './meter.js';

/** The one {@link Meter} of the application. */
@Global()
@Module({ providers: [Meter], exports: [Meter] })
export class TelemetryModule {}
