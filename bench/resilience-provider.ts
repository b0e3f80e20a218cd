import type { ProviderFigures, ProviderMode } from './embedding-provider.js';
import { ServiceProcess } from './service-process.js';

/** Of a vector; what a provider sends is text, and most of what a request takes. */
export const DIMENSIONS = 384;
export const MODEL = 'bench';

/** The provider of embeddings of the suite, in a process of its own. */
export class ProviderProcess {
  private constructor(private readonly process: ServiceProcess) {}

  static async start(): Promise<ProviderProcess> {
    return new ProviderProcess(
      await ServiceProcess.start({ DIMENSIONS: String(DIMENSIONS) }, 'bench/embedding-provider.js'),
    );
  }

  /** To be handed to a client. */
  get baseUrl(): string {
    return `${this.process.url}/v1`;
  }

  /** A service that asks it, with API keys and without a rate limit. */
  serve(databaseUrl: string): Promise<ServiceProcess> {
    return ServiceProcess.start({
      DATABASE_URL: databaseUrl,
      AUTH_MODE: 'api-key',
      RATE_LIMIT: '0',
      EMBEDDINGS: 'openai',
      OPENAI_BASE_URL: this.baseUrl,
      EMBEDDING_MODEL: MODEL,
      EMBEDDING_DIMENSIONS: String(DIMENSIONS),
    });
  }

  async behave(mode: ProviderMode): Promise<void> {
    await fetch(`${this.process.url}/mode`, { method: 'PUT', body: mode });
  }

  async figures(): Promise<ProviderFigures> {
    return (await (await fetch(`${this.process.url}/figures`)).json()) as ProviderFigures;
  }

  stop(): Promise<void> {
    return this.process.stop();
  }
}
