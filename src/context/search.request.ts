import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString } from 'class-validator';
import { SearchMemoriesRequest } from '../memory/memory.request.js';
import { SEARCH_SCOPES, type SearchScope } from './context-search.js';

export class SearchRequest extends SearchMemoriesRequest {
  @ApiPropertyOptional({
    enum: SEARCH_SCOPES,
    default: 'memories',
    description: 'Memories, the messages of the thread `threadId`, or both.',
  })
  @IsOptional()
  @IsIn(SEARCH_SCOPES)
  scope?: SearchScope;

  @ApiPropertyOptional({ description: 'With the scopes `thread` and `both`.' })
  @IsOptional()
  @IsString()
  threadId?: string;
}
