import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

export class ViolationView {
  @ApiProperty({ example: 'messages.0.content' })
  field: string;

  @ApiProperty({ example: 'must be text or a list of parts' })
  message: string;
}

/** How the OpenAPI document says that an answer is a problem. */
export const PROBLEM_CONTENT = {
  'application/problem+json': { schema: { $ref: '#/components/schemas/ProblemView' } },
};

/** A problem document (RFC 9457). */
export class ProblemView {
  @ApiProperty({ example: 'urn:triptych:problem:not_found' })
  type: string;

  @ApiProperty({ example: 'Not Found' })
  title: string;

  @ApiProperty({ type: 'integer', example: 404 })
  status: number;

  @ApiProperty({ description: 'Stable and machine-readable.', example: 'not_found' })
  code: string;

  @ApiProperty({ description: 'For people; names the remedy.', example: 'There is no such memory.' })
  detail: string;

  @ApiPropertyOptional({ type: [ViolationView], description: 'Each field that is not acceptable.' })
  violations?: ViolationView[];

  @ApiPropertyOptional({ type: 'integer', minimum: 0, description: 'Seconds, as the header `Retry-After`.' })
  retryAfter?: number;

  @ApiPropertyOptional({ type: 'integer', minimum: 0, description: 'With 412: the version of the thread.' })
  currentVersion?: number;

  @ApiPropertyOptional({ type: 'integer', description: 'With `budget_exceeded`: tokens that are needed.' })
  needed?: number;

  @ApiPropertyOptional({ type: 'integer', description: 'With `budget_exceeded`: tokens that there are.' })
  available?: number;
}
