import {
  Catch,
  Controller,
  Get,
  ServiceUnavailableException,
  UseFilters,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import {
  HealthCheckService,
  HealthIndicatorService,
  type HealthCheckResult,
  type HealthIndicatorResult,
} from '@nestjs/terminus';
import type { FastifyReply } from 'fastify';
import { HealthProbes } from './health-probes.js';

/** Terminus puts its report into the exception; it is the answer, and no problem document. */
@Catch(ServiceUnavailableException)
class ReportFilter implements ExceptionFilter {
  catch(error: ServiceUnavailableException, host: ArgumentsHost): void {
    void host.switchToHttp().getResponse<FastifyReply>().status(503).send(error.getResponse());
  }
}

@ApiTags('health')
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly probes: HealthProbes,
  ) {}

  @Get('live')
  @ApiOperation({ summary: 'The process runs and answers' })
  @ApiOkResponse({ description: 'Always, while it does.' })
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('ready')
  @UseFilters(ReportFilter)
  @ApiOperation({ summary: 'The service can do its work: database, schema, embeddings' })
  @ApiOkResponse({ description: 'Each part and its state.' })
  @ApiServiceUnavailableResponse({ description: 'The part that is down.' })
  ready(): Promise<HealthCheckResult> {
    return this.health.check(
      Object.entries(this.probes).map(([name, probe]) => async (): Promise<HealthIndicatorResult> => {
        const indicator = this.indicators.check(name);
        try {
          return indicator.up(await probe());
        } catch {
          return indicator.down({ reason: `The ${name} does not answer.` });
        }
      }),
    );
  }
}
