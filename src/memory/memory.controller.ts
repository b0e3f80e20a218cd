import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { ApiProblem, TenantApi } from '../http/api.decorator.js';
import { AcceptsIdempotencyKey } from '../http/idempotency.decorator.js';
import { LongTermMemory } from './long-term-memory.js';
import type { StoreOptions } from './memory-writer.js';
import type { MemoryEntry, MemoryRevision } from './memory-entry.entity.js';
import {
  ChangeMemoryRequest,
  GetMemoryQuery,
  ListMemoriesQuery,
  StoreMemoriesRequest,
  StoreOneMemoryRequest,
} from './memory.request.js';
import { MemoryBatchView, MemoryEntryView, MemoryHistoryView, MemoryPageView } from './memory.view.js';

const optionsOf = (deduplicate: boolean | undefined): StoreOptions =>
  deduplicate === undefined ? {} : { deduplicate };
const batch = (memories: MemoryEntry[]): { memories: MemoryEntry[] } => ({ memories });

@TenantApi('memories')
@Controller('v1/memories')
export class MemoryController {
  constructor(private readonly memory: LongTermMemory) {}

  @Post()
  @AcceptsIdempotencyKey()
  @ApiOperation({ operationId: 'storeMemory', summary: 'Store one memory' })
  @ApiCreatedResponse({ type: MemoryEntryView })
  store(@Body() { deduplicate, ...memory }: StoreOneMemoryRequest): Promise<MemoryEntry> {
    return this.memory.store(memory, optionsOf(deduplicate));
  }

  @Post('batch')
  @AcceptsIdempotencyKey(batch)
  @ApiOperation({ operationId: 'storeMemories', summary: 'Store many memories, all or none' })
  @ApiCreatedResponse({ type: MemoryBatchView })
  async storeMany(
    @Body() { memories, deduplicate }: StoreMemoriesRequest,
  ): Promise<{ memories: MemoryEntry[] }> {
    return batch(await this.memory.storeMany(memories, optionsOf(deduplicate)));
  }

  @Get()
  @ApiOperation({ operationId: 'listMemories', summary: 'Memories, newest first' })
  @ApiOkResponse({ type: MemoryPageView })
  list(@Query() query: ListMemoriesQuery): Promise<{ memories: MemoryEntry[]; nextCursor: string | null }> {
    return this.memory.list(query);
  }

  @Get(':memoryId')
  @ApiOperation({ operationId: 'getMemory', summary: 'One memory' })
  @ApiOkResponse({ type: MemoryEntryView })
  @ApiProblem(404, 'There is no such memory.')
  get(@Param('memoryId') memoryId: string, @Query() { asOf }: GetMemoryQuery): Promise<MemoryEntry> {
    return this.memory.get(memoryId, asOf === undefined ? {} : { asOf });
  }

  @Get(':memoryId/history')
  @ApiOperation({ operationId: 'getMemoryHistory', summary: 'Every revision of a memory, newest first' })
  @ApiOkResponse({ type: MemoryHistoryView })
  @ApiProblem(404, 'There is no such memory.')
  async history(@Param('memoryId') memoryId: string): Promise<{ revisions: MemoryRevision[] }> {
    return { revisions: await this.memory.history(memoryId) };
  }

  @Patch(':memoryId')
  @AcceptsIdempotencyKey()
  @ApiOperation({ operationId: 'changeMemory', summary: 'Change parts of a memory; what is left out stays' })
  @ApiOkResponse({ type: MemoryEntryView })
  @ApiProblem(404, 'There is no such memory.')
  change(@Param('memoryId') memoryId: string, @Body() change: ChangeMemoryRequest): Promise<MemoryEntry> {
    return this.memory.update(memoryId, change);
  }

  @Delete(':memoryId')
  @AcceptsIdempotencyKey()
  @HttpCode(204)
  @ApiOperation({ operationId: 'deleteMemory', summary: 'Delete a memory' })
  @ApiNoContentResponse()
  @ApiProblem(404, 'There is no such memory.')
  delete(@Param('memoryId') memoryId: string): Promise<void> {
    return this.memory.delete(memoryId);
  }
}
