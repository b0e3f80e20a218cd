import { Global, Module } from '@nestjs/common';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { TiktokenCounter } from './tiktoken-counter.js';
import { TokenCounter } from './token-counter.js';

/** The one {@link TokenCounter} of the encoding that the settings name. */
@Global()
@Module({
  providers: [
    {
      provide: TokenCounter,
      inject: [TRIPTYCH_OPTIONS],
      useFactory: ({ budget }: TriptychOptions) => new TiktokenCounter(budget.encoding),
    },
  ],
  exports: [TokenCounter],
})
export class TokensModule {}
