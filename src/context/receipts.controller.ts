import { Controller, Get, Headers, Param, Query, Res } from '@nestjs/common';
import { ApiExtraModels, ApiHeader, ApiOkResponse, ApiOperation, getSchemaPath } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ApiProblem, TenantApi } from '../http/api.decorator.js';
import { prefersText } from '../http/preferred-type.js';
import { printReceipt } from '../working-context/receipt-text.js';
import { ContextReceipts, type ReceiptPage } from './context-receipts.js';
import { ListReceiptsQuery } from './receipts.request.js';
import { ReceiptPageView, StoredReceiptView } from './receipts.view.js';
import type { StoredReceipt } from './stored-receipt.js';

@TenantApi('context')
@ApiExtraModels(StoredReceiptView)
@Controller('v1/context/receipts')
export class ReceiptsController {
  constructor(private readonly receipts: ContextReceipts) {}

  @Get()
  @ApiOperation({
    operationId: 'listReceipts',
    summary: 'The receipts of the newest compiles of a thread, newest first',
  })
  @ApiOkResponse({ type: ReceiptPageView })
  list(@Query() { threadId, ...page }: ListReceiptsQuery): Promise<ReceiptPage> {
    return this.receipts.list(threadId, page);
  }

  @Get(':receiptId')
  @ApiHeader({
    name: 'Accept',
    description: '`text/plain`: for a person to read.',
    required: false,
    schema: { type: 'string' },
  })
  @ApiOperation({
    operationId: 'getReceipt',
    summary: 'One receipt, as JSON or as text for a person to read',
  })
  @ApiOkResponse({
    headers: { Vary: { required: true, schema: { type: 'string', const: 'Accept' } as never } },
    content: {
      'application/json': { schema: { $ref: getSchemaPath(StoredReceiptView) } },
      'text/plain': { schema: { type: 'string' } },
    },
  })
  @ApiProblem(404, 'There is no such receipt, or no longer.')
  async find(
    @Param('receiptId') receiptId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('Accept') accept?: string,
  ): Promise<StoredReceipt | string> {
    const stored = await this.receipts.find(receiptId);
    void reply.header('vary', 'Accept');
    if (!prefersText(accept)) return stored;
    void reply.header('content-type', 'text/plain; charset=utf-8');
    return `${printReceipt(stored.receipt)}\n`;
  }
}
