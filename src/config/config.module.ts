import { Module, type DynamicModule, type FactoryProvider, type ModuleMetadata } from '@nestjs/common';
import { checkOptions } from './load-options.js';
import { TRIPTYCH_OPTIONS, type TriptychOptions, type TriptychSettings } from './options.js';

/** How the settings are made: a factory, and what Nest injects into it. */
export interface SettingsFactory {
  imports?: ModuleMetadata['imports'];
  inject?: FactoryProvider['inject'];
  useFactory: (...dependencies: never[]) => TriptychSettings | Promise<TriptychSettings>;
}

/** Makes one complete, checked and frozen {@link TriptychOptions} object injectable. */
@Module({})
export class ConfigModule {
  static register({ imports = [], inject = [], useFactory }: SettingsFactory): DynamicModule {
    const options: FactoryProvider<TriptychOptions> = {
      provide: TRIPTYCH_OPTIONS,
      inject,
      useFactory: async (...dependencies: unknown[]) =>
        checkOptions(await useFactory(...(dependencies as never[]))),
    };
    return { module: ConfigModule, global: true, imports, providers: [options], exports: [TRIPTYCH_OPTIONS] };
  }
}
