import type { TriptychOptions } from '../config/options.js';

const MASK = '***';
/** A shorter one would mask letters of ordinary words. */
const SHORTEST = 4;

/** A connection string without its password. */
export function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return 'an unreadable URL';
  const parsed = new URL(url);
  if (parsed.password !== '') parsed.password = MASK;
  for (const name of parsed.searchParams.keys())
    if (/password|secret|key/i.test(name)) parsed.searchParams.set(name, MASK);
  return parsed.href;
}

/** Takes secrets of the settings out of a text, whoever put them there: drivers and providers quote what they were sent. */
export function masking({ database, embeddings, summary }: TriptychOptions): (text: string) => string {
  const secrets = [
    ...[database.url, embeddings.baseUrl, summary.baseUrl].flatMap(passwordsOf),
    embeddings.apiKey,
    summary.apiKey,
  ].filter((secret) => secret !== undefined && secret.length >= SHORTEST) as string[];
  return (text) => secrets.reduce((masked, secret) => masked.replaceAll(secret, MASK), text);
}

/** As it stands in a URL, and decoded. */
function passwordsOf(url: string | undefined): string[] {
  if (url === undefined || !URL.canParse(url)) return [];
  const { password, searchParams } = new URL(url);
  const parameter = searchParams.get('password');
  return [password, decoded(password), ...(parameter === null ? [] : [parameter])];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
