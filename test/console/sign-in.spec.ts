import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Scope } from '../../src/tenancy/authenticator.js';
import type { IssuedApiKey } from '../../src/tenancy/tenant-registry.js';
import { describeOnEachEngine } from '../support/engines.js';
import { IdentityProvider } from '../support/identity-provider.js';
import { asOperator } from '../support/operator.js';
import { describeInChromium } from './support/in-chromium.js';
import { useConsole } from './support/suite.js';

describeOnEachEngine('the sign-in of the console', (createDatabase) => {
  describeInChromium('with AUTH_MODE=api-key', () => {
    const suite = useConsole({ auth: { mode: 'api-key' } }, createDatabase);
    const issue = (tenantId: string, scopes?: Scope[]): Promise<IssuedApiKey> =>
      asOperator(suite.service, suite.database, (registry) => registry.createKey(tenantId, { scopes }));

    beforeAll(() =>
      asOperator(suite.service, suite.database, async (registry) => {
        for (const tenantId of ['red', 'blue']) await registry.create({ tenantId });
      }),
    );

    it('refuses what is no key and what is a wrong one, keeps it typed, and lets a right one in', async () => {
      const { key } = await issue('red');
      const tab = await suite.open();
      await tab.go('/memories');
      const field = tab.page.getByLabel('API key');
      await tab.button('Sign in').click();
      await tab.page.getByText(/Enter an API key/).waitFor();
      await field.fill('a key with spaces');
      await tab.button('Sign in').click();
      await tab.page.getByText(/spaces or characters in it/).waitFor();
      const wrong = `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`;
      await field.fill(wrong);
      await tab.button('Sign in').click();
      const alert = tab.page.getByRole('alert');
      await alert.getByText('The service does not accept this API key').waitFor();
      await alert.getByText(/mistyped, expired or revoked/).waitFor();
      expect(await field.inputValue()).toBe(wrong);
      expect(await field.getAttribute('type')).toBe('password');
      await field.fill(`  ${key}\n`);
      await tab.button('Sign in').click();
      await tab.heading('Memories').waitFor();
      await tab.page.getByText('red', { exact: true }).waitFor();
      await tab.page.reload();
      await tab.heading('Memories').waitFor();
      expect(
        await tab.page.evaluate<string>(`document.documentElement.outerHTML + location.href`),
      ).not.toContain(key);
      expect(await tab.page.evaluate<number>(`localStorage.length + document.cookie.length`)).toBe(0);
      await tab.signOut();
      expect(await tab.page.evaluate<string>(`JSON.stringify(sessionStorage)`)).not.toContain('triptych_');
    });

    it('says which scope is missing', async () => {
      const { key } = await issue('red', ['read']);
      const tab = await suite.open();
      await tab.signIn(key, '/memories/new');
      await tab.page.getByLabel('Agent').last().fill('guide');
      await tab.page.getByLabel('Text').fill('May I?');
      await tab.button('Store memory').click();
      await tab.page.getByRole('alert').getByText('This needs a credential with the scope write.').waitFor();
      expect(await tab.page.getByLabel('Text').inputValue()).toBe('May I?');
    });

    it('asks for another key when one is revoked meanwhile, and loses nothing that was typed', async () => {
      const { key, keyId } = await issue('red');
      const [next, other] = [await issue('red'), await issue('blue')];
      const tab = await suite.open();
      await tab.signIn(key, '/memories/new');
      await tab.page.getByLabel('Agent').last().fill('guide');
      await tab.page.getByLabel('Text').fill('Typed before the key was revoked.');
      await asOperator(suite.service, suite.database, (registry) => registry.revoke(keyId));
      const gone = tab.page.getByRole('dialog', { name: 'Sign in again' });
      const end = Date.now() + 30_000;
      // A key is believed for some seconds more; what is stored until then is another memory.
      while (
        (await suite.service.send('GET', '/v1/memories', undefined, { authorization: `Bearer ${key}` }))
          .status === 200
      ) {
        if (Date.now() > end) throw new Error('The key still works.');
        await tab.page.waitForTimeout(100);
      }
      await tab.button('Store memory').click();
      await gone.waitFor();
      await gone.getByLabel('API key').fill(other.key);
      await gone.getByRole('button', { name: 'Sign in' }).click();
      await gone.getByText(/of another tenant/).waitFor();
      await gone.getByLabel('API key').fill(next.key);
      await gone.getByRole('button', { name: 'Sign in' }).click();
      await gone.waitFor({ state: 'detached' });
      expect(await tab.page.getByLabel('Text').inputValue()).toBe('Typed before the key was revoked.');
      await tab.button('Store memory').click();
      await tab.hears('Memory stored');
      const { body } = await suite.service.send('GET', '/v1/memories', undefined, {
        authorization: `Bearer ${other.key}`,
      });
      expect(body).toMatchObject({ memories: [] });
    });

    it('keeps what was typed while the service is away, and goes on when it is back', async () => {
      const { key } = await issue('blue');
      const tab = await suite.open();
      await tab.signIn(key, '/memories/new');
      await tab.page.getByLabel('Agent').last().fill('guide');
      await tab.page.getByLabel('Text').fill('Typed while it was away.');
      // The files of the other views come once the first is there.
      await tab.expectLoaded('SessionsView');
      await tab.context.setOffline(true);
      await tab.button('Store memory').click();
      await tab.page.getByRole('alert').getByText('The service does not answer').waitFor();
      expect(await tab.page.getByLabel('Text').inputValue()).toBe('Typed while it was away.');
      await tab.page
        .getByRole('navigation', { name: 'Views' })
        .getByRole('link', { name: 'Sessions' })
        .click();
      await tab.page.getByRole('alert').getByText('The service does not answer').waitFor();
      await tab.context.setOffline(false);
      await tab.button('Try again').click();
      await tab.page.getByText('No sessions yet').waitFor();
      await tab.view('Memories');
      await tab.page.getByRole('link', { name: 'Add', exact: true }).click();
      await tab.button('Store memory').click();
      await tab.hears('Memory stored');
      await tab.page.getByRole('row', { name: 'Typed while it was away.' }).waitFor();
      expect(await tab.page.getByRole('row').count()).toBe(1);
    });
  });
});

describe('the sign-in of the console with AUTH_MODE=jwt', () => {
  let provider: IdentityProvider;
  beforeAll(async () => {
    provider = await IdentityProvider.start(['ES256']);
  });
  afterAll(() => provider.close());

  describeInChromium('in a browser', () => {
    const suite = useConsole(() => provider.settings);

    it('takes a token of the identity provider and no other', async () => {
      const tab = await suite.open();
      await tab.go();
      await tab.page.getByLabel('Token (JWT)').fill('no.token.atall');
      await tab.button('Sign in').click();
      await tab.page.getByRole('alert').getByText('The service does not accept this Token (JWT)').waitFor();
      await tab.signIn(
        await provider.sign({ tenant_id: 'acme', scope: 'read write' }, { algorithm: 'ES256' }),
      );
      await tab.page.getByText('acme', { exact: true }).waitFor();
    });
  });
});
