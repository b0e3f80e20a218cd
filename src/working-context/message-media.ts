import { isPlainObject } from '../database/storable.js';

/** An image or a document in a message: at an address, or as data. */
export interface Media {
  kind: 'image' | 'document';
  /** https. */
  url?: string;
  /** In lower case. */
  mediaType?: string;
  /** Base64, padded. */
  data?: string;
  /** Name of the file. */
  title?: string;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The image or document that a part of a message holds, in the forms of the chat-completions API (`image_url`,
 * `file`), of Anthropic's (`source`) and of LangChain's content blocks. `undefined` for any other part, and for
 * one that no provider could read: an address that is not https, data that is not base64.
 */
export function mediaOf(part: Fields): Media | undefined {
  const { type } = part;
  if (type === 'image_url' || type === 'input_image') return located('image', addressOf(part['image_url']));
  if (type === 'file' || type === 'input_file' || type === 'document') {
    const file = isPlainObject(part['file']) ? part['file'] : part;
    const title = file['filename'] ?? file['title'];
    const media = located('document', file['file_data']) ?? described('document', part);
    return media && (typeof title === 'string' ? { ...media, title } : media);
  }
  return type === 'image' ? described('image', part) : undefined;
}

function addressOf(value: unknown): unknown {
  return isPlainObject(value) ? value['url'] : value;
}

/** Of an address: a data URL, or one of the web. */
function located(kind: Media['kind'], address: unknown): Media | undefined {
  if (typeof address !== 'string') return undefined;
  if (/^data:/i.test(address)) {
    const comma = address.indexOf(',');
    const [mediaType = '', ...parameters] = address.slice('data:'.length, Math.max(comma, 0)).split(';');
    const isBase64 = parameters.at(-1)?.trim().toLowerCase() === 'base64';
    return isBase64 ? encoded(kind, mediaType, address.slice(comma + 1)) : undefined;
  }
  // The Messages API answers «Only HTTPS URLs are supported.» to any other.
  const isRemote = /^https:\/\//i.test(address) && address.isWellFormed() && URL.canParse(address);
  return isRemote ? { kind, url: address } : undefined;
}

/** With the media type beside the data, or an address. */
function described(kind: Media['kind'], part: Fields): Media | undefined {
  const source = isPlainObject(part['source']) ? part['source'] : part;
  const mediaType = source['media_type'] ?? source['mime_type'] ?? source['mimeType'];
  const remote = located(kind, source['url']);
  if (!remote) return encoded(kind, mediaType, source['data']);
  return typeof mediaType === 'string' ? { mediaType: mediaType.trim().toLowerCase(), ...remote } : remote;
}

function encoded(kind: Media['kind'], mediaType: unknown, data: unknown): Media | undefined {
  if (typeof mediaType !== 'string' || typeof data !== 'string' || !isBase64(data)) return undefined;
  const type = mediaType.trim().toLowerCase();
  return { kind, mediaType: type === 'image/jpg' ? 'image/jpeg' : type, data };
}

/** In linear time, whatever the length. */
function isBase64(data: string): boolean {
  if (data === '' || data.length % 4 !== 0 || /[^A-Za-z0-9+/=]/.test(data)) return false;
  const padding = data.indexOf('=');
  return padding < 0 || data.slice(padding) === '='.repeat(Math.min(2, data.length - padding));
}
