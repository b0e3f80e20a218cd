import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString } from 'class-validator';
import { DocumentSchema } from '../http/document-schema.js';
import { SearchMemoriesRequest } from '../memory/memory.request.js';
import { THREAD_ID } from '../session/session.view.js';
import { SEARCH_SCOPES, type SearchScope } from './context-search.js';

/** The thread is named when messages are looked for, and only then. */
@DocumentSchema('SearchRequest', {
  if: { properties: { scope: { enum: ['thread', 'both'] } }, required: ['scope'] },
  then: { required: ['threadId'] },
  else: { not: { required: ['threadId'] } },
})
export class SearchRequest extends SearchMemoriesRequest {
  @ApiPropertyOptional({
    enum: SEARCH_SCOPES,
    default: 'memories',
    description: 'Memories, the messages of the thread `threadId`, or both.',
  })
  @IsOptional()
  @IsIn(SEARCH_SCOPES)
  scope?: SearchScope;

  @ApiPropertyOptional({
    ...THREAD_ID,
    description: 'Needed by the scopes `thread` and `both`, and by no other.',
  })
  @IsOptional()
  @IsString()
  threadId?: string;
}
