import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { CREDENTIAL, PROBLEM_MODELS } from './api.decorator.js';
import { completeDocument } from './complete-document.js';

/** The OpenAPI 3.1 document of everything that is routed. */
export function openApiDocument(app: INestApplication, version: string): OpenAPIObject {
  const description =
    'Session, long-term memory and working context of LLM agents, for many tenants at once.';
  const config = new DocumentBuilder()
    .setTitle('Triptych')
    .setDescription(description)
    .setVersion(version)
    .setOpenAPIVersion('3.1.0')
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addSecurity(CREDENTIAL, {
      type: 'http',
      scheme: 'bearer',
      description: 'An API key or a JWT, as `AUTH_MODE` says; the scopes are `read`, `write` and `admin`.',
    })
    .build();
  return completeDocument(SwaggerModule.createDocument(app, config, { extraModels: PROBLEM_MODELS }));
}

/** Serves the document at `/docs-json`, and Swagger UI at `/docs`. */
export function serveOpenApi(app: INestApplication, version: string): void {
  SwaggerModule.setup('docs', app, () => openApiDocument(app, version), { jsonDocumentUrl: 'docs-json' });
}
