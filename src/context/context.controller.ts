import { Body, Controller, Get, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { ApiProblem, TenantApi } from '../http/api.decorator.js';
import { RequireScope } from '../tenancy/required-scope.js';
import { resolveBudget, TOKEN_BUDGET, type TokenBudget } from '../working-context/token-budget.js';
import { TokenCounter } from '../tokens/token-counter.js';
import { ContextManager, type CompiledContext } from './context-manager.js';
import { CompileContextRequest } from './context.request.js';
import { BudgetsView, WorkingContextView } from './context.view.js';

@TenantApi('context')
@ApiExtraModels(WorkingContextView)
@Controller('v1/context')
export class ContextController {
  constructor(
    private readonly context: ContextManager,
    private readonly counter: TokenCounter,
    @Inject(TOKEN_BUDGET) private readonly budget: TokenBudget,
  ) {}

  @Post('compile')
  @RequireScope('read')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'compileContext',
    summary: 'What the model is to see now, within the budget of its tier',
  })
  @ApiOkResponse({ type: WorkingContextView })
  @ApiProblem(422, 'The request cannot fit the budget, however much is cut.')
  compile(@Body() request: CompileContextRequest): Promise<CompiledContext> {
    return this.context.compileWorkingContext(request);
  }

  @Get('budgets')
  @ApiOperation({ operationId: 'getBudgets', summary: 'The tiers and shares in force' })
  @ApiOkResponse({ type: BudgetsView })
  budgets(): BudgetsView {
    const { tiers, shares, spillOver, defaultTier } = this.budget;
    return {
      defaultTier,
      spillOver,
      encoding: this.counter.encoding,
      shares,
      tiers: Object.keys(tiers).map((tier) => resolveBudget(this.budget, { tier })),
    };
  }
}
