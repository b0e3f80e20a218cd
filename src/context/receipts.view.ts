import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { ReceiptView } from './context.view.js';

@ApiSchema({ name: 'StoredReceipt' })
export class StoredReceiptView {
  @ApiProperty({ format: 'uuid' })
  receiptId: string;

  @ApiProperty()
  threadId: string;

  @ApiProperty({ format: 'date-time' })
  createdAt: string;

  @ApiProperty({ type: ReceiptView })
  receipt: ReceiptView;
}

@ApiSchema({ name: 'ReceiptSummary' })
export class ReceiptSummaryView {
  @ApiProperty({ format: 'uuid' })
  receiptId: string;

  @ApiProperty({ format: 'date-time' })
  createdAt: string;

  @ApiProperty({ example: 'reasoning' })
  tier: string;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'Of the whole prompt.' })
  tokens: number;

  @ApiProperty({ description: 'SHA-256 of what was returned: equal contexts have equal hashes.' })
  hash: string;
}

@ApiSchema({ name: 'ReceiptPage' })
export class ReceiptPageView {
  @ApiProperty({ type: [ReceiptSummaryView], description: 'Newest first.' })
  receipts: ReceiptSummaryView[];

  @ApiProperty({ type: 'string', nullable: true, description: 'Pass as `cursor` for the next page.' })
  nextCursor: string | null;
}
