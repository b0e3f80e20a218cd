/** What each probe tells of its part; it throws when the part is down. */
export type HealthProbe = () => Promise<Record<string, string | number | boolean>>;

/** The parts whose state makes the service ready, by name. The application provides them. */
export abstract class HealthProbes {
  [part: string]: HealthProbe;
}
