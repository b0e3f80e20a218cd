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
import { DatabaseUnavailableError, ShuttingDownError } from '../errors.js';
import { HealthProbes } from './health-probes.js';
import { LiveView, ReadyView } from './health.view.js';

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
  @ApiOperation({ operationId: 'checkLiveness', summary: 'The process runs and answers' })
  @ApiOkResponse({ type: LiveView, description: 'Always, while it does.' })
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('ready')
  @UseFilters(ReportFilter)
  @ApiOperation({
    operationId: 'checkReadiness',
    summary: 'The service can do its work: database, schema, embeddings',
  })
  @ApiOkResponse({ type: ReadyView, description: 'Each part and its state.' })
  @ApiServiceUnavailableResponse({ type: ReadyView, description: 'The part that is down.' })
  ready(): Promise<HealthCheckResult> {
    return this.health.check(
      Object.entries(this.probes).map(([name, probe]) => async (): Promise<HealthIndicatorResult> => {
        const indicator = this.indicators.check(name);
        try {
          return indicator.up(await probe());
        } catch (error) {
          return indicator.down({ reason: reasonOf(error) ?? `The ${name} does not answer.` });
        }
      }),
    );
  }
}

/** Of errors that are not for everybody to read, nothing. */
function reasonOf(error: unknown): string | undefined {
  if (error instanceof ShuttingDownError) return 'The service is stopping.';
  return error instanceof DatabaseUnavailableError ? error.message : undefined;
}
