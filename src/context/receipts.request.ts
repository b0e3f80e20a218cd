import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { MAX_RECEIPTS } from './context-receipts.js';

export class ListReceiptsQuery {
  @ApiProperty({ description: 'The thread whose compiles are asked for.' })
  @IsString()
  threadId: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_RECEIPTS, default: 50 })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_RECEIPTS)
  limit?: number;

  @ApiPropertyOptional({ description: '`nextCursor` of the page before.' })
  @IsOptional()
  @IsString()
  @MaxLength(2_048)
  cursor?: string;
}
