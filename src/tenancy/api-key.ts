import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 12 characters are 71 bits: two keys of a tenant never meet. */
const ID_LENGTH = 12;
/** 40 characters are 238 random bits. */
const SECRET_LENGTH = 40;
/** 6 characters hold any CRC-32. */
const CHECKSUM_LENGTH = 6;

const KEY_ID = `([A-Za-z0-9][A-Za-z0-9._-]{0,127})\\.[0-9A-Za-z]{${ID_LENGTH}}`;
const KEY_ID_ALONE = new RegExp(`^${KEY_ID}$`);
/** All after the tenant is of fixed length, so a tenant id with dots and underscores is read only one way. */
const KEY = new RegExp(
  `^(triptych_(${KEY_ID})_([0-9A-Za-z]{${SECRET_LENGTH}}))([0-9A-Za-z]{${CHECKSUM_LENGTH}})$`,
);

/**
 * What holds of a row of `shared.api_keys` that lets somebody in, by the database's clock, which all
 * processes share. A rotated key is revoked as of a moment to come.
 */
export const IN_FORCE = `(revoked_at IS NULL OR revoked_at > now()) AND (expires_at IS NULL OR expires_at > now())`;

/** An API key in its parts. */
export interface ApiKey {
  readonly tenantId: string;
  /** `<tenantId>.<random>`; no secret, so it may be shown and logged. */
  readonly keyId: string;
  readonly secret: string;
}

/** What is stored of a secret. */
export interface HashedSecret {
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** Makes `triptych_<tenantId>.<random>_<secret><checksum>`, the text that is shown once and kept by nobody. */
export function createApiKey(tenantId: string): ApiKey & { readonly key: string } {
  const keyId = `${tenantId}.${randomText(ID_LENGTH)}`;
  const secret = randomText(SECRET_LENGTH);
  const body = `triptych_${keyId}_${secret}`;
  return { tenantId, keyId, secret, key: body + checksum(body) };
}

/**
 * Reads a key, or nothing when its form or its checksum is wrong. The checksum proves nothing; it refuses a
 * typo without asking the database, and lets a scanner for leaked secrets tell a key from a look-alike.
 */
export function parseApiKey(key: string): ApiKey | undefined {
  const [, body = '', keyId = '', tenantId = '', secret = '', sum] = KEY.exec(key) ?? [];
  return sum !== undefined && checksum(body) === sum ? { tenantId, keyId, secret } : undefined;
}

/** The tenant of a key's id. */
export function tenantOfKeyId(keyId: string): string | undefined {
  return KEY_ID_ALONE.exec(keyId)?.[1];
}

/**
 * SHA-256 of salt and secret. A slow hash protects secrets that people choose; nobody can try 2^238
 * random ones, however fast each try is, and every request would pay for it.
 */
export function hashSecret(secret: string, salt: Buffer = randomBytes(16)): HashedSecret {
  return { salt, hash: createHash('sha256').update(salt).update(secret).digest() };
}

/** Compares in constant time. */
export function isSecret(secret: string, { salt, hash }: HashedSecret): boolean {
  const given = hashSecret(secret, salt).hash;
  return given.length === hash.length && timingSafeEqual(given, hash);
}

/** Six base-62 digits of the CRC-32, the most significant first. */
function checksum(text: string): string {
  let rest = crc32(text);
  let digits = '';
  while (digits.length < CHECKSUM_LENGTH) {
    digits = ALPHABET.charAt(rest % ALPHABET.length) + digits;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return digits;
}

function randomText(length: number): string {
  return Array.from({ length }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');
}
