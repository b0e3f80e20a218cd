import { isPlainObject } from '../database/storable.js';
import { type Message } from '../session/message.js';
import { type FormatLosses } from './format-losses.js';
import { mediaOf, type Media } from './message-media.js';

/** The blocks of Anthropic's Messages API that a prompt is made of. */
export interface AnthropicTextBlock {
  type: 'text';
  text: string;
}
export interface AnthropicImageBlock {
  type: 'image';
  source: { type: 'base64'; media_type: AnthropicImageType; data: string } | { type: 'url'; url: string };
}
export interface AnthropicDocumentBlock {
  type: 'document';
  source: { type: 'base64'; media_type: 'application/pdf'; data: string } | { type: 'url'; url: string };
  title?: string;
}
export interface AnthropicToolUseBlock {
  type: 'tool_use';
  id: string;
  name: string;
  input: Record<string, unknown>;
}
export interface AnthropicToolResultBlock {
  type: 'tool_result';
  tool_use_id: string;
  content?: AnthropicContentBlock[];
}
/** What a user says, and what a tool answers. */
export type AnthropicContentBlock = AnthropicTextBlock | AnthropicImageBlock | AnthropicDocumentBlock;

const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'] as const;
type AnthropicImageType = (typeof IMAGE_TYPES)[number];
const PDF = 'application/pdf';
const MAX_TITLE = 255;

/** More than white space, of any alphabet: the API refuses a text of nothing else. */
// eslint-disable-next-line no-control-regex -- Python counts the separators U+001C to U+001F as white space
const VISIBLE = /[^\s\u0000\u001c-\u001f\u0085]/;
/** Reasoning is signed by the model that made it, and refused when anything around it has changed. */
const REASONING = new Set(['thinking', 'redacted_thinking', 'reasoning', 'reasoning_content']);

/** A block of the text, none of a blank one. Half a character makes a request invalid, and becomes U+FFFD. */
export function textBlocks(text: string): AnthropicTextBlock[] {
  return VISIBLE.test(text) ? [{ type: 'text', text: text.toWellFormed() }] : [];
}

/** What only texts may stand in: system prompts, and what the assistant says. */
export function textOnlyBlocks(message: Message, place: string, losses: FormatLosses): AnthropicTextBlock[] {
  return blocksOf<never>(message, place, losses, () => undefined);
}

/** Texts, images and documents; for each other part a text that says so. */
export function contentBlocks(
  message: Message,
  place: string,
  losses: FormatLosses,
): AnthropicContentBlock[] {
  return blocksOf(message, place, losses, mediaBlock);
}

function blocksOf<B extends AnthropicContentBlock>(
  { content, tool_calls: calls }: Message,
  place: string,
  losses: FormatLosses,
  blockOf: (media: Media) => B | undefined,
): (B | AnthropicTextBlock)[] {
  if (content == null) return [];
  if (!Array.isArray(content))
    return textBlocks(typeof content === 'string' ? content : JSON.stringify(content));
  return content.flatMap((part: unknown, index): (B | AnthropicTextBlock)[] => {
    const fields = isPlainObject(part) ? part : { type: 'text', text: part };
    const type = typeof fields['type'] === 'string' ? fields['type'] : '';
    const at = `${place}.content.${index}`;
    if (REASONING.has(type)) {
      losses.add('Reasoning is left out', at);
      return [];
    }
    const said = type === 'refusal' ? fields['refusal'] : fields['text'];
    if (typeof said === 'string') return textBlocks(said);
    // LangChain repeats a call in the content, as the model's provider wrote it.
    if ('id' in fields && calls?.some(({ id }) => id === fields['id'])) return [];
    const media = mediaOf(fields);
    const block = media && blockOf(media);
    if (block) return [block];
    const kind = kindOf(type);
    losses.add(`A part of kind «${kind}» is replaced by a note`, at);
    return [{ type: 'text', text: `[${kind} not shown]` }];
  });
}

type MediaBlock = AnthropicImageBlock | AnthropicDocumentBlock;

function mediaBlock({ kind, url, mediaType, data, title }: Media): MediaBlock | undefined {
  if (kind === 'image') {
    if (url !== undefined) return { type: 'image', source: { type: 'url', url } };
    const known = IMAGE_TYPES.find((each) => each === mediaType);
    return known && data !== undefined
      ? { type: 'image', source: { type: 'base64', media_type: known, data } }
      : undefined;
  }
  if (mediaType !== undefined && mediaType !== PDF) return undefined;
  const shown = title?.toWellFormed().slice(0, MAX_TITLE).toWellFormed() ?? '';
  const named = VISIBLE.test(shown) ? { title: shown } : {};
  if (url !== undefined) return { type: 'document', source: { type: 'url', url }, ...named };
  return data !== undefined
    ? { type: 'document', source: { type: 'base64', media_type: PDF, data }, ...named }
    : undefined;
}

/** One of few words: the type is what the caller wrote, and may be anything. */
function kindOf(type: string): string {
  return ['image', 'audio', 'video', 'file'].find((kind) => type.includes(kind)) ?? 'content';
}
