import { environmentWithFile } from './load-options.js';

const OTEL = 'OTEL_';

/**
 * Whether the standard variables of OpenTelemetry ask for traces: `OTEL_TRACES_EXPORTER` names an exporter, or an endpoint
 * of OTLP is given; unless `OTEL_SDK_DISABLED` is true, or the exporter is `none`. The SDK itself reads them, and more.
 */
export function asksForTraces(environment: NodeJS.ProcessEnv): boolean {
  const value = (name: string): string => environment[OTEL + name]?.trim() ?? '';
  if (value('SDK_DISABLED').toLowerCase() === 'true') return false;
  const exporter = value('TRACES_EXPORTER');
  if (exporter !== '') return exporter !== 'none';
  return value('EXPORTER_OTLP_ENDPOINT') !== '' || value('EXPORTER_OTLP_TRACES_ENDPOINT') !== '';
}

/** The same of the process and its file `.env`. What the file says is then part of the process's own, where the SDK reads it. */
export function processAsksForTraces(): boolean {
  const environment = environmentWithFile();
  if (!asksForTraces(environment)) return false;
  for (const [name, value] of Object.entries(environment))
    if (name.startsWith(OTEL) && process.env[name] === undefined) process.env[name] = value;
  return true;
}
