import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { TenantApi } from '../http/api.decorator.js';
import { ScoredMemoryView } from '../memory/memory.view.js';
import { RequireScope } from '../tenancy/required-scope.js';
import { ContextSearch, type FoundItem, type FoundItems } from './context-search.js';
import { SearchRequest } from './search.request.js';
import { ScoredMessageView, SearchResultView } from './search.view.js';

@TenantApi('memories')
@ApiExtraModels(ScoredMemoryView, ScoredMessageView)
@Controller('v1/memories')
export class SearchController {
  constructor(private readonly context: ContextSearch) {}

  @Post('search')
  @RequireScope('read')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'searchMemories',
    summary: 'The memories, or messages of a thread, that say most about a query',
  })
  @ApiOkResponse({ type: SearchResultView })
  async search(@Body() { query, ...options }: SearchRequest): Promise<FoundItems> {
    const { results, ...found } = await this.context.find(query, options);
    return { results: results.map(shown), ...found };
  }
}

/** Without the tokens, which matter to a prompt alone. */
function shown(item: FoundItem): FoundItem {
  if (!('memory' in item)) return item;
  const { memory, score, scores } = item;
  return { memory, score, scores };
}
