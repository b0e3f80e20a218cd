import { Module, type DynamicModule } from '@nestjs/common';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { Meter } from '../telemetry/meter.js';
import { Database, type DatabaseSetup } from './database.js';

/** The one {@link Database} of the process; closed when the application shuts down. */
@Module({})
export class DatabaseModule {
  /** @param setup the entities of the rooms, and who says for which tenant a connection is borrowed */
  static register(setup: Omit<DatabaseSetup, 'options' | 'waitMs' | 'meter'>): DynamicModule {
    const database = {
      provide: Database,
      inject: [TRIPTYCH_OPTIONS, Meter],
      useFactory: (options: TriptychOptions, meter: Meter) =>
        Database.open({ ...setup, options, meter, waitMs: options.database.startTimeoutMs }),
    };
    return { module: DatabaseModule, global: true, providers: [database], exports: [Database] };
  }
}
