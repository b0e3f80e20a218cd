import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { THREAD_ID } from '../session/session.view.js';
import { MAX_RECEIPTS } from './context-receipts.js';

export class ListReceiptsQuery {
  @ApiProperty({ ...THREAD_ID, description: 'The thread whose compiles are asked for.' })
  @IsString()
  threadId: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_RECEIPTS, default: 50 })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_RECEIPTS)
  limit?: number;

  @ApiPropertyOptional({ maxLength: 2_048, description: '`nextCursor` of the page before.' })
  @IsOptional()
  @IsString()
  @MaxLength(2_048)
  cursor?: string;
}
