import type { Message } from '../src/session/message.js';
import { uniform } from './random.js';

/** UTF-8 bytes of one message; two of them, of user and assistant, are a turn. */
const BYTES = 500;

/** In the order of their frequency, roughly that of everyday English. */
const WORDS = (
  'the to and a of in is it you that for on with this are as be have at not we can if will your an or from ' +
  'our but they by which one so there all would what when about more out up some them other time into just ' +
  'only could then order also any work customer team week need after should before delivery first because ' +
  'these most over where those review version between since report while both under same still another ' +
  'invoice account message shipment warehouse budget quarter region server release deadline contract meeting ' +
  'supplier estimate schedule database request document payment address product question answer support ' +
  'manager engineer summary feature window ticket training package flight hotel station morning afternoon ' +
  'evening yesterday tomorrow Monday Thursday January October Lisbon Hamburg Toronto Nairobi Osaka Amsterdam ' +
  'preference allergic vegetarian corridor balcony luggage reservation confirmation refund discount currency ' +
  'exchange insurance passport embassy itinerary connection departure arrival platform carriage compartment ' +
  'restaurant breakfast museum exhibition gallery orchestra concert festival mountain harbour lighthouse ' +
  'bicycle electric battery charger adapter keyboard monitor laptop notebook printer scanner cable network ' +
  'password certificate permission directory repository branch commit deploy rollback incident threshold ' +
  'latency throughput cluster replica migration snapshot retention archive compliance auditor regulation'
).split(' ');

/**
 * A message of about 500 bytes, the same for the same number: words by Zipf's law, names and figures among
 * them, so that it compresses about as what people write does.
 * @param n 0, 1, 2 …; even ones are the user's
 */
export function message(n: number): Message & { content: string } {
  const random = uniform(n * 7_919 + 1);
  for (let turns = 0; turns < 8; turns += 1) random(); // the first numbers of close seeds are close
  let content = '';
  while (content.length < BYTES) content += `${sentence(random)} `;
  return { role: n % 2 === 0 ? 'user' : 'assistant', content: content.slice(0, BYTES) };
}

export function conversation(length: number, from = 0): (Message & { content: string })[] {
  return Array.from({ length }, (_, n) => message(from + n));
}

/** The nth turn of its kind, other words each time. */
export function turn(n: number): (Message & { content: string })[] {
  return conversation(2, 1_000_000 + 2 * n);
}

/** UTF-8 bytes of what was said in a turn, on average. */
export function bytesOfTurn(turns = 100): number {
  const all = Array.from({ length: turns }, (_, n) => turn(n)).flat();
  return all.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0) / turns;
}

function sentence(random: () => number): string {
  const words = Array.from({ length: 6 + Math.floor(random() * 12) }, () => word(random));
  const text = words.join(' ');
  return text.slice(0, 1).toUpperCase() + text.slice(1) + '.';
}

function word(random: () => number): string {
  if (random() < 0.04) return String(Math.floor(random() * 100_000));
  // Of equal logarithmic steps each is as likely as the next: the nth word comes with a frequency of 1 / n.
  return WORDS[Math.floor(WORDS.length ** random()) - 1] ?? '';
}
