import type { TriptychOptions } from '../config/options.js';

const MASK = '***';
/** A shorter one would mask letters of ordinary words. */
const SHORTEST = 4;
/** Names of parameters with something secret; `sslkey` of a connection string names a file. */
const SECRET = /password|secret|token|(?<!ssl)key/i;

/** A URL without its password, nor what is secret of its parameters. */
export function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return 'an unreadable URL';
  const parsed = new URL(url);
  if (parsed.password !== '') parsed.password = MASK;
  for (const name of parsed.searchParams.keys()) if (SECRET.test(name)) parsed.searchParams.set(name, MASK);
  return parsed.href;
}

/** Takes secrets of the settings out of a text, whoever put them there: drivers and providers quote what they were sent. */
export function masking({ database, embeddings, jwt, summary }: TriptychOptions): (text: string) => string {
  const secrets = [
    ...[database.url, embeddings.baseUrl, jwt.jwksUrl, summary.baseUrl].flatMap(secretsOf),
    embeddings.apiKey,
    summary.apiKey,
  ].filter((secret) => secret !== undefined && secret.length >= SHORTEST) as string[];
  return (text) => secrets.reduce((masked, secret) => masked.replaceAll(secret, MASK), text);
}

/** What {@link withoutPassword} masks: as it stands in the URL, and decoded. */
function secretsOf(url: string | undefined): string[] {
  if (url === undefined || !URL.canParse(url)) return [];
  const { password, search } = new URL(url);
  const parameters = [...search.matchAll(/[?&]([^=&]*)=([^&]*)/g)].flatMap(([, name = '', value = '']) =>
    SECRET.test(name) ? [value, value.replaceAll('+', ' ')] : [],
  );
  return [password, ...parameters].flatMap((secret) => [secret, decoded(secret)]);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
