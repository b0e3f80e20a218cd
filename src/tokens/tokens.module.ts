import { Global, Module } from '@nestjs/common';
import { TokenCounter } from './token-counter.js';
import { TokenCounters } from './token-counters.js';

/** The one {@link TokenCounter} of the encoding that the settings name, and those of others. */
@Global()
@Module({
  providers: [
    TokenCounters,
    {
      provide: TokenCounter,
      inject: [TokenCounters],
      useFactory: (counters: TokenCounters) => counters.default,
    },
  ],
  exports: [TokenCounter, TokenCounters],
})
export class TokensModule {}
