import type Anthropic from '@anthropic-ai/sdk';

type Request = Pick<Anthropic.MessageCreateParams, 'system' | 'messages'>;
type Block = Anthropic.ContentBlockParam;

const ID = /^[a-zA-Z0-9_-]+$/;
const TOOL_NAME = /^[a-zA-Z0-9_-]{1,128}$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const IMAGES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  user: ['text', 'image', 'document', 'tool_result'],
  assistant: ['text', 'tool_use'],
};

/**
 * What Anthropic's Messages API would refuse in a request, by its own error messages: the rules that need no
 * model. `[]` for a request that it takes.
 */
export function messagesApiFaults({ system, messages }: Request): string[] {
  const faults: string[] = [];
  const used = new Set<string>();
  if (typeof system === 'string' || system?.length === 0) faults.push('system: must be a list of blocks');
  for (const [index, block] of Object.entries(typeof system === 'object' ? system : []))
    faults.push(...textFaults(block, `system.${index}`));
  if (messages[0]?.role !== 'user') faults.push('messages: first message must use the "user" role');
  if (messages.at(-1)?.role !== 'user') faults.push('messages: this model does not support prefill');
  if (!JSON.stringify({ system, messages }).isWellFormed() || hasHalfCharacter({ system, messages }))
    faults.push('The request body is not valid JSON: no low surrogate in string');

  for (const [index, { role, content }] of messages.entries()) {
    const at = `messages.${index}`;
    if (role === messages[index - 1]?.role) faults.push(`${at}: roles must alternate`);
    if (typeof content === 'string' || content.length === 0) {
      faults.push(`${at}: must be a list of at least one block`);
      continue;
    }
    const blocks: Block[] = content;
    for (const [place, block] of blocks.entries()) {
      if (!ALLOWED[role]?.includes(block.type)) faults.push(`${at}: ${block.type} not permitted for ${role}`);
      faults.push(...blockFaults(block, `${at}.content.${place}`));
    }
    const calls = blocks.filter(isToolUse).map(({ id }) => id);
    for (const id of calls) {
      if (used.has(id)) faults.push(`${at}: tool_use ids must be unique`);
      used.add(id);
    }
    const firstCall = blocks.findIndex(({ type }) => type === 'tool_use');
    if (firstCall >= 0 && blocks.slice(firstCall).some(({ type }) => type !== 'tool_use'))
      faults.push(`${at}: tool_use blocks must come last`);
    faults.push(...pairingFaults(calls, messages[index + 1], at));
    if (role === 'user' && index === 0) faults.push(...pairingFaults([], messages[0], at));
  }
  return faults;
}

function isToolUse(block: Block): block is Anthropic.ToolUseBlockParam {
  return block.type === 'tool_use';
}

/** Each call has one result, at the beginning of the next message, and no other result is there. */
function pairingFaults(calls: string[], next: Anthropic.MessageParam | undefined, at: string): string[] {
  const blocks: Block[] = typeof next?.content === 'object' ? next.content : [];
  const results = blocks.filter((block) => block.type === 'tool_result').map((block) => block.tool_use_id);
  const faults: string[] = [];
  if ([...results].sort().join() !== [...calls].sort().join())
    faults.push(`${at}: results ${results.join()} are not those of the calls ${calls.join()}`);
  if (blocks.slice(0, results.length).some(({ type }) => type !== 'tool_result'))
    faults.push(`${at}: tool_result blocks must come first in the message after it`);
  return faults;
}

function blockFaults(block: Block, at: string): string[] {
  const faults: string[] = [];
  switch (block.type) {
    case 'text':
      return textFaults(block, at);
    case 'image':
    case 'document':
      if (
        block.type === 'image' &&
        block.source.type === 'base64' &&
        !IMAGES.includes(block.source.media_type)
      )
        faults.push(`${at}: media type`);
      if (block.source.type === 'base64' && (block.source.data === '' || !BASE64.test(block.source.data)))
        faults.push(`${at}: invalid base64 data`);
      if (block.source.type === 'url' && !block.source.url.toLowerCase().startsWith('https://'))
        faults.push(`${at}: Only HTTPS URLs are supported.`);
      return faults;
    case 'tool_use':
      if (!ID.test(block.id)) faults.push(`${at}.id: should match ${ID.source}`);
      if (!TOOL_NAME.test(block.name)) faults.push(`${at}.name: should match ${TOOL_NAME.source}`);
      if (typeof block.input !== 'object' || block.input === null || Array.isArray(block.input))
        faults.push(`${at}.input: should be a dictionary`);
      return faults;
    case 'tool_result': {
      if (typeof block.content === 'string') return [`${at}: must be a list of blocks`];
      if (block.content?.length === 0) faults.push(`${at}: must not be empty`);
      const inside: Block[] = (block.content ?? []) as Block[];
      return [...faults, ...inside.flatMap((each, index) => blockFaults(each, `${at}.content.${index}`))];
    }
    default:
      return [`${at}: ${block.type} is not expected`];
  }
}

function textFaults({ text }: Anthropic.TextBlockParam, at: string): string[] {
  return text.trim() === '' ? [`${at}: text content blocks must contain non-whitespace text`] : [];
}

function hasHalfCharacter(value: unknown): boolean {
  if (typeof value === 'string') return !value.isWellFormed();
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, item]) => !key.isWellFormed() || hasHalfCharacter(item));
}
