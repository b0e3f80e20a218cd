import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TriptychSettings } from '../../src/config/options.js';
import { httpServer } from './http-server.js';

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;

/** An identity provider on loopback: it serves its public keys, and signs whatever a test asks for. */
export class IdentityProvider {
  /** How often the key set was fetched. */
  fetches = 0;
  isDown = false;
  private readonly unpublished = new Set<string>();

  private constructor(
    private readonly http: Server,
    private readonly keys: Map<string, KeyPair>,
  ) {}

  /** @param algorithms one key each, named by its algorithm */
  static async start(algorithms = ['RS256', 'ES256', 'EdDSA']): Promise<IdentityProvider> {
    const keys = new Map<string, KeyPair>();
    for (const algorithm of algorithms)
      keys.set(algorithm, await generateKeyPair(algorithm, { extractable: true }));
    const http = httpServer();
    const provider = new IdentityProvider(http, keys);
    http.on('request', (_request, response) => {
      provider.fetches += 1;
      if (provider.isDown) {
        response.writeHead(500).end();
        return;
      }
      void provider.published().then((set) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(set));
      });
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    return provider;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  /** Settings under which a service believes this provider. */
  get settings(): TriptychSettings {
    return {
      auth: { mode: 'jwt' },
      jwt: { issuer: this.url, audience: 'triptych', jwksUrl: `${this.url}/jwks` },
    };
  }

  /** A token that is good unless `claims` say otherwise; a claim that is undefined is left out. */
  sign(
    claims: JWTPayload = {},
    { algorithm = 'RS256', ...names }: { algorithm?: string; key?: string; kid?: string } = {},
  ): Promise<string> {
    const { key = algorithm, kid = key } = names;
    const payload = {
      iss: this.url,
      aud: 'triptych',
      sub: 'user-1',
      tenant_id: 'red',
      exp: inSeconds(60),
      ...claims,
    };
    return new SignJWT(payload)
      .setProtectedHeader({ alg: algorithm, kid })
      .sign((this.keys.get(key) as KeyPair).privateKey);
  }

  /** The public key of a name as JSON, as anyone can read it. */
  async publicKey(name: string): Promise<object> {
    return exportJWK((this.keys.get(name) as KeyPair).publicKey);
  }

  /** A key that is not published. */
  async addSecretly(name: string, algorithm: string): Promise<void> {
    this.keys.set(name, await generateKeyPair(algorithm, { extractable: true }));
    this.unpublished.add(name);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.http.close(resolve));
    this.http.closeAllConnections();
    await closed;
  }

  private async published(): Promise<{ keys: object[] }> {
    const names = [...this.keys.keys()].filter((name) => !this.unpublished.has(name));
    return { keys: await Promise.all(names.map(async (kid) => ({ ...(await this.publicKey(kid)), kid }))) };
  }
}

/** A moment as JWT counts it. */
export function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1_000) + seconds;
}
