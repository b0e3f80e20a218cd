import {
  applyDecorators,
  RequestMethod,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { ApiHeader, ApiResponse, ApiSecurity, ApiTags } from '@nestjs/swagger';
import 'reflect-metadata';
import { AuthenticationGuard } from '../tenancy/authentication.guard.js';
import { requiredScope } from '../tenancy/required-scope.js';
import { TenantInterceptor } from '../tenancy/tenant.interceptor.js';
import { ProblemFilter } from './problem.filter.js';
import { PROBLEM_CONTENT, ProblemView } from './problem.view.js';
import { RequestPipe } from './request.pipe.js';

/** The name of the credential's scheme in the OpenAPI document. */
export const CREDENTIAL = 'credential';

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
    ...(
      [
        [400, 'The request is not acceptable; `violations` names each field.'],
        [401, 'The request carries no acceptable credential.'],
        [403, 'The credential has not the scope that the route needs.'],
        [413, 'The body is larger than the service takes.'],
        [414, 'The path is longer than the service takes.'],
        [415, 'The body is of another type than `application/json`.'],
        [429, 'The tenant is above its rate limit or its daily quota; try again after `Retry-After`.'],
        [503, 'A part of the service is away; try again after `Retry-After`.'],
      ] as const
    ).map(([status, description]) => ApiProblem(status, description)),
    documentScopes,
    UseGuards(AuthenticationGuard),
    UseInterceptors(TenantInterceptor),
    UsePipes(RequestPipe),
    UseFilters(ProblemFilter),
  );
}

/** Says of each route which scope it needs, by the same rule as the guard. */
const documentScopes: ClassDecorator = ({ prototype }) => {
  for (const [name, route] of Object.entries(Object.getOwnPropertyDescriptors(prototype as object))) {
    const handler: unknown = route.value;
    if (typeof handler !== 'function') continue;
    const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
    if (method === undefined) continue;
    const scope = requiredScope(handler, RequestMethod[method]);
    ApiSecurity(CREDENTIAL, [scope])(prototype as object, name, route);
  }
};

/** Documents one more error answer of a route, or of all routes of a controller. */
export function ApiProblem(status: number, description: string): ClassDecorator & MethodDecorator {
  return ApiResponse({ status, description, content: PROBLEM_CONTENT });
}

/** Models that are referred to by name only. */
export const PROBLEM_MODELS = [ProblemView];
