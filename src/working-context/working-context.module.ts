import { Module } from '@nestjs/common';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { TOKEN_BUDGET, type TokenBudget } from './token-budget.js';
import { WorkingContextCompiler } from './working-context-compiler.js';

/** Tier 3: what the model sees now. */
@Module({
  providers: [
    WorkingContextCompiler,
    {
      provide: TOKEN_BUDGET,
      inject: [TRIPTYCH_OPTIONS],
      useFactory: ({
        budget: { tiers, shares, spillOver, defaultTier, historyStep },
      }: TriptychOptions): TokenBudget => ({
        tiers,
        shares,
        spillOver,
        defaultTier,
        historyStep,
      }),
    },
  ],
  exports: [WorkingContextCompiler, TOKEN_BUDGET],
})
export class WorkingContextModule {}
