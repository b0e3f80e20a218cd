import { diag, DiagLogLevel } from '@opentelemetry/api';
import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import packageJson from '../../package.json' with { type: 'json' };

/** Between two lines about a collector that is away, in milliseconds. */
const TOLD_EVERY_MS = 60_000;

export interface Tracing {
  /** Sends what is not sent yet, for at most so long. Never rejects. */
  stop(withinMs: number): Promise<void>;
}

/**
 * Starts the SDK of OpenTelemetry as its standard variables say: exporter, endpoint, protocol, sampler, resource,
 * propagators. Only traces: metrics are those of `/metrics`, and logs those of standard output. Loaded only here, since it takes
 * a while.
 */
export async function startTracing(): Promise<Tracing> {
  const { NodeSDK, resources } = await import('@opentelemetry/sdk-node');
  const logger = new Logger('Tracing');
  let toldAt = -Infinity;
  const warn = (message: string): void => {
    if (performance.now() - toldAt < TOLD_EVERY_MS) return;
    toldAt = performance.now();
    logger.warn({ event: 'traces_not_sent', reason: reasonOf(message) });
  };
  const ignore = (): void => undefined;
  diag.setLogger(
    { error: warn, warn, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const { defaultResource, envDetector, hostDetector, resourceFromAttributes } = resources;
  const sdk = new NodeSDK({
    // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come after it, and have the last word.
    resource: defaultResource().merge(
      resourceFromAttributes({ 'service.name': packageJson.name, 'service.version': packageJson.version }),
    ),
    // Not the process: its arguments are nobody's business.
    resourceDetectors: [hostDetector, envDetector],
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  return {
    stop: async (withinMs) => {
      const late = new AbortController();
      const ended = sdk.shutdown().catch((error: unknown) => {
        warn(String(error));
      });
      await Promise.race([ended, sleep(withinMs, undefined, { signal: late.signal }).catch(() => undefined)]);
      late.abort();
    },
  };
}

/** An error of an exporter is told as JSON, with a stack and whatever the collector answered. */
function reasonOf(message: string): string {
  try {
    const { name, code, message: told } = JSON.parse(message) as Record<string, unknown>;
    return [name, code, told]
      .filter((part) => typeof part === 'string')
      .join(' ')
      .slice(0, 200);
  } catch {
    return message.slice(0, 200);
  }
}
