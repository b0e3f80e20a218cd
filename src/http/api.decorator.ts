import { applyDecorators, UseFilters, UseGuards, UseInterceptors, UsePipes } from '@nestjs/common';
import { ApiHeader, ApiResponse, ApiTags } from '@nestjs/swagger';
import { AuthenticationGuard } from '../tenancy/authentication.guard.js';
import { TenantInterceptor } from '../tenancy/tenant.interceptor.js';
import { ProblemFilter } from './problem.filter.js';
import { ProblemView } from './problem.view.js';
import { RequestPipe } from './request.pipe.js';

/** What every controller of a tier has: a credential, the tenant's scope, checked requests, problems. */
export function TenantApi(tag: string): ClassDecorator {
  return applyDecorators(
    ApiTags(tag),
    ApiHeader({
      name: 'X-Tenant-Id',
      description: 'The tenant, in development mode (`AUTH_MODE=dev`)',
      required: false,
      schema: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$' },
    }),
    ...[
      [400, 'The request is not acceptable; `violations` names each field.'],
      [401, 'No tenant could be read from a credential.'],
      [413, 'The body is larger than the service takes.'],
      [503, 'A part of the service is away; try again after `Retry-After`.'],
    ].map(([status, description]) =>
      ApiResponse({
        status: status as number,
        description: description as string,
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/ProblemView' } } },
      }),
    ),
    UseGuards(AuthenticationGuard),
    UseInterceptors(TenantInterceptor),
    UsePipes(RequestPipe),
    UseFilters(ProblemFilter),
  );
}

/** Documents one more error answer of a route. */
export function ApiProblem(status: number, description: string): MethodDecorator {
  return ApiResponse({
    status,
    description,
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/ProblemView' } } },
  });
}

/** Models that are referred to by name only. */
export const PROBLEM_MODELS = [ProblemView];
