import assert from 'node:assert/strict';
import { called, press, signIn, tabTo, type } from './keyboard.mjs';

/** What the token endpoint answers to a service. */
async function statusFor(base, id, secret) {
  const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  const body = new URLSearchParams({ grant_type: 'client_credentials' });
  return (await fetch(`${base}/api/v1/users/token`, { method: 'POST', headers: { authorization }, body })).status;
}

/** The id and the secret in the dialog, which is then closed. */
async function keep(page) {
  const dialog = page.getByRole('dialog', { name: 'The credentials of Campus' });
  await dialog.waitFor();
  const id = await dialog.getByLabel('Client id', { exact: true }).inputValue();
  const secret = await dialog.getByLabel('Secret', { exact: true }).inputValue();
  return { id, secret };
}

/** With the keyboard alone, an admin gives a service credentials, gives it others, and takes them away. */
export async function giveAServiceCredentials({ stage, admin }) {
  const page = await stage.person();
  stage.withoutMouse(page);
  await signIn(page, `${stage.base}/people/services`, admin);
  await page.getByRole('heading', { name: 'Services with credentials', level: 1 }).waitFor();
  await page.getByText('No service has credentials yet.').waitFor();
  await stage.expectAccessible(page, 'no services');

  await press(page, 'Add a service');
  await page.getByRole('dialog', { name: 'Add a service' }).waitFor();
  await stage.expectAccessible(page, 'a new service');
  await type(page, 'Name', 'Campus');
  await tabTo(page, called('See every lecture’s details'));
  await page.keyboard.press('Space');
  await press(page, 'Add');
  const first = await keep(page);
  await stage.expectAccessible(page, 'the credentials of a service');
  await stage.picture(page, 'service-credentials');
  assert.equal(await statusFor(stage.base, first.id, first.secret), 200);
  await press(page, 'I have kept it');
  const card = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'Campus' }) });
  for (const scope of ['See every lecture’s details', 'Ask who may watch which lecture', 'Play any lecture to any person it names']) {
    await card.getByText(scope).waitFor();
  }
  await stage.expectAccessible(page, 'services');

  await press(page, 'New secret: Campus');
  await page.getByRole('dialog', { name: 'Give Campus a new secret?' }).waitFor();
  await press(page, 'New secret');
  const second = await keep(page);
  assert.deepEqual([second.id === first.id, second.secret === first.secret], [true, false]);
  assert.equal(await statusFor(stage.base, first.id, first.secret), 401);
  assert.equal(await statusFor(stage.base, second.id, second.secret), 200);
  await press(page, 'I have kept it');

  await press(page, 'Remove: Campus');
  await page.getByRole('dialog', { name: 'Remove Campus?' }).waitFor();
  await press(page, 'Remove');
  await page.getByText('No service has credentials yet.').waitFor();
  assert.equal(await statusFor(stage.base, second.id, second.secret), 401);

  await page.goto(`${stage.base}/people/audit`);
  await page.getByRole('heading', { name: 'Audit log', level: 1 }).waitFor();
  for (const act of ['removed', 'gave a new secret to', 'gave credentials to']) {
    await page.getByRole('listitem').filter({ hasText: act }).first().waitFor();
  }
  await page.context().close();
}
