import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { ApiProblem, TenantApi } from '../http/api.decorator.js';
import { AcceptsIdempotencyKey } from '../http/idempotency.decorator.js';
import { RequireScope } from '../tenancy/required-scope.js';
import { LongTermMemory } from './long-term-memory.js';
import type { MemoryEntry, ScoredMemory } from './memory-entry.entity.js';
import {
  ChangeMemoryRequest,
  ListMemoriesQuery,
  SearchMemoriesRequest,
  StoreMemoriesRequest,
  StoreMemoryRequest,
} from './memory.request.js';
import { MemoryBatchView, MemoryEntryView, MemoryPageView, SearchResultView } from './memory.view.js';

const batch = (memories: MemoryEntry[]): { memories: MemoryEntry[] } => ({ memories });

@TenantApi('memories')
@Controller('v1/memories')
export class MemoryController {
  constructor(private readonly memory: LongTermMemory) {}

  @Post()
  @AcceptsIdempotencyKey()
  @ApiOperation({ summary: 'Store one memory' })
  @ApiCreatedResponse({ type: MemoryEntryView })
  store(@Body() body: StoreMemoryRequest): Promise<MemoryEntry> {
    return this.memory.store(body);
  }

  @Post('batch')
  @AcceptsIdempotencyKey(batch)
  @ApiOperation({ summary: 'Store many memories, all or none' })
  @ApiCreatedResponse({ type: MemoryBatchView })
  async storeMany(@Body() { memories }: StoreMemoriesRequest): Promise<{ memories: MemoryEntry[] }> {
    return batch(await this.memory.storeMany(memories));
  }

  @Post('search')
  @RequireScope('read')
  @HttpCode(200)
  @ApiOperation({ summary: 'The memories nearest in meaning to a query' })
  @ApiOkResponse({ type: SearchResultView })
  async search(
    @Body() { query, ...options }: SearchMemoriesRequest,
  ): Promise<{ results: ScoredMemory[]; degraded: [] }> {
    return { results: await this.memory.search(query, options), degraded: [] };
  }

  @Get()
  @ApiOperation({ summary: 'Memories, newest first' })
  @ApiOkResponse({ type: MemoryPageView })
  list(@Query() query: ListMemoriesQuery): Promise<{ memories: MemoryEntry[]; nextCursor: string | null }> {
    return this.memory.list(query);
  }

  @Get(':memoryId')
  @ApiOperation({ summary: 'One memory' })
  @ApiOkResponse({ type: MemoryEntryView })
  @ApiProblem(404, 'There is no such memory.')
  get(@Param('memoryId') memoryId: string): Promise<MemoryEntry> {
    return this.memory.get(memoryId);
  }

  @Patch(':memoryId')
  @AcceptsIdempotencyKey()
  @ApiOperation({ summary: 'Change parts of a memory; what is left out stays' })
  @ApiOkResponse({ type: MemoryEntryView })
  @ApiProblem(404, 'There is no such memory.')
  change(@Param('memoryId') memoryId: string, @Body() change: ChangeMemoryRequest): Promise<MemoryEntry> {
    return this.memory.update(memoryId, change);
  }

  @Delete(':memoryId')
  @AcceptsIdempotencyKey()
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a memory' })
  @ApiNoContentResponse()
  @ApiProblem(404, 'There is no such memory.')
  delete(@Param('memoryId') memoryId: string): Promise<void> {
    return this.memory.delete(memoryId);
  }
}
