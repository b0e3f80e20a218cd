/**
 * Triptych inside a Nest application that has its own settings and its own `ClsModule`: a front desk that
 * answers the customers of several houses, and keeps each house's conversations apart.
 *
 *   npm run build && node dist/examples/host-app.js
 *   curl -X POST localhost:3001/ask -H 'x-house: seaside' -H 'accept-language: en' \
 *     -H 'content-type: application/json' -d '{"guest":"ada","question":"Is breakfast at eight?"}'
 */
import 'reflect-metadata';
import {
  Body,
  Catch,
  Controller,
  Injectable,
  Module,
  Post,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply } from 'fastify';
import type { IncomingMessage } from 'node:http';
import { ClsModule, ClsService, type ClsStore } from 'nestjs-cls';
// A host application writes: from 'triptych'
import {
  ContextManager,
  ContextModule,
  TenantContext,
  TriptychError,
  type WorkingContext,
} from '../src/index.js';

/** The host's own settings, from its own variables; what it keeps is gone with it unless it is told a place. */
@Injectable()
export class HostConfig {
  readonly port = Number(process.env['FRONT_DESK_PORT'] ?? 3001);
  readonly dataDir = process.env['FRONT_DESK_DATA'] ?? 'memory://';
  readonly databaseUrl = process.env['FRONT_DESK_DATABASE'];
}

@Module({ providers: [HostConfig], exports: [HostConfig] })
class HostConfigModule {}

/** What the host itself keeps for the time of a request. */
interface RequestScope extends ClsStore {
  house: string;
  language: string;
}

/** Stands where a chat model is asked; so it needs no network, and always answers the same. */
@Injectable()
class Model {
  answer({ messages, context, task }: WorkingContext, language: string): string {
    const known = context === '' ? 0 : context.split('\n{').length - 1;
    return `[${language}] ${task.description} I have read ${messages.length} messages and know ${known} facts.`;
  }
}

export interface Answer {
  answer: string;
  tokens: number;
  /** Read from the host's own scope after everything Triptych did. */
  language: string;
}

@Injectable()
export class FrontDesk {
  constructor(
    private readonly context: ContextManager,
    private readonly tenants: TenantContext,
    private readonly cls: ClsService<RequestScope>,
    private readonly model: Model,
  ) {}

  /** The house is the tenant; the host knows it from its own authentication. */
  ask(guest: string, question: string): Promise<Answer> {
    return this.tenants.run(this.cls.get('house'), async () => {
      const prompt = await this.context.compileWorkingContext({
        threadId: guest,
        systemPrompt: 'You are the front desk of a small hotel.',
        task: { description: question },
        modelTier: 'fast',
      });
      const answer = this.model.answer(prompt, this.cls.get('language'));
      const { messages } = await this.context.session.appendMessages(guest, [
        { role: 'user', content: question },
        { role: 'assistant', content: answer },
      ]);
      await this.context.storeMemory({
        agentId: 'front-desk',
        content: question,
        source: { threadId: guest, role: 'user', ...(messages[0] && { seq: messages[0].seq }) },
      });
      return { answer, tokens: prompt.tokenUsage.total, language: this.cls.get('language') };
    });
  }
}

@Controller()
class FrontDeskController {
  constructor(private readonly desk: FrontDesk) {}

  @Post('ask')
  ask(@Body() { guest, question }: { guest: string; question: string }): Promise<Answer> {
    return this.desk.ask(guest, question);
  }
}

/** Triptych's errors say their status and a stable code; how they are answered is the host's choice. */
@Catch(TriptychError)
class TriptychErrorFilter implements ExceptionFilter {
  catch(error: TriptychError, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    void reply.status(error.status).send({ code: error.code, message: error.message });
  }
}

@Module({
  imports: [
    HostConfigModule,
    ClsModule.forRoot({
      global: true,
      middleware: {
        mount: true,
        setup: (cls, { headers }: IncomingMessage) => {
          cls.set('house', String(headers['x-house'] ?? ''));
          cls.set('language', headers['accept-language'] ?? 'en');
        },
      },
    }),
    ContextModule.forRootAsync({
      imports: [HostConfigModule],
      inject: [HostConfig],
      useFactory: ({ dataDir, databaseUrl }: HostConfig) => ({
        database: { dataDir, ...(databaseUrl && { url: databaseUrl, migrateOnStart: true }) },
      }),
    }),
  ],
  controllers: [FrontDeskController],
  providers: [FrontDesk, Model, { provide: APP_FILTER, useClass: TriptychErrorFilter }],
})
export class AppModule {}

/** The application, listening; `port` 0 takes a free one. */
export async function startHost(port?: number): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter(), {
    logger: ['error', 'warn'],
    abortOnError: false,
  });
  app.enableShutdownHooks();
  await app.listen(port ?? app.get(HostConfig).port, '127.0.0.1');
  return app;
}

if (process.argv[1]?.endsWith('host-app.js'))
  void startHost().then(async (app) => {
    console.log(`The front desk listens on ${await app.getUrl()}`);
  });
