import { ApiProperty, ApiSchema, getSchemaPath, PickType } from '@nestjs/swagger';
import { DegradationView, ScoredMemoryView } from '../memory/memory.view.js';
import { StoredMessageView } from '../session/session.view.js';

@ApiSchema({ name: 'ScoredMessage' })
export class ScoredMessageView extends PickType(ScoredMemoryView, ['score', 'scores']) {
  @ApiProperty()
  threadId: string;

  @ApiProperty({ type: StoredMessageView })
  message: StoredMessageView;
}

@ApiSchema({ name: 'SearchResult' })
export class SearchResultView {
  @ApiProperty({
    type: 'array',
    items: { oneOf: [{ $ref: getSchemaPath(ScoredMemoryView) }, { $ref: getSchemaPath(ScoredMessageView) }] },
    description: 'Best first. Messages are among them with the scopes `thread` and `both`.',
  })
  results: (ScoredMemoryView | ScoredMessageView)[];

  @ApiProperty({
    description:
      'False when more vectors may be as near as those that were compared, or a long thread is not yet wholly findable.',
  })
  exhaustive: boolean;

  @ApiProperty({
    type: [DegradationView],
    description:
      'What could not be used for this answer. With `embeddings_unavailable` or `invalid_embedding` it was found by words alone, whatever the mode.',
  })
  degraded: DegradationView[];
}
