import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { until } from './stage.mjs';

const pick = (page) => page.locator('input[type=file]').first();
const percent = async (bar) => Number(await bar.getAttribute('aria-valuenow'));

/** Slows uploads down, so that the test can interrupt one in the middle. */
async function slowLine(page, bytesPerSecond) {
  const line = await page.context().newCDPSession(page);
  await line.send('Network.enable');
  const set = (offline, up) =>
    line.send('Network.emulateNetworkConditions', { offline, latency: 0, downloadThroughput: -1, uploadThroughput: up });
  await set(false, bytesPerSecond);
  return { cut: () => set(true, bytesPerSecond), mend: () => set(false, bytesPerSecond), free: () => set(false, -1) };
}

/** Drops a file on the page, as a mouse does that drags it from a folder. */
async function drop(page, path) {
  const content = (await readFile(path)).toString('base64');
  const files = await page.evaluateHandle(
    ({ content, name }) => {
      const bytes = Uint8Array.from(atob(content), (char) => char.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], name, { type: 'video/mp4' }));
      return transfer;
    },
    { content, name: basename(path) },
  );
  await page.dispatchEvent('main', 'dragenter', { dataTransfer: files });
  await page.getByText('Drop to upload').waitFor();
  await page.dispatchEvent('main', 'drop', { dataTransfer: files });
}

async function toUpload(page) {
  await page.getByRole('navigation').getByRole('link', { name: /Upload/ }).click();
  await page.getByRole('heading', { name: 'Upload', level: 1 }).waitFor();
}

export async function uploadThroughReloadAndLostConnection(world) {
  const { stage, page, files } = world;
  let line = await slowLine(page, 1_500_000);
  await toUpload(page);
  await pick(page).setInputFiles(files.lecture);
  const bar = page.getByRole('progressbar', { name: /Linear_algebra_1/ });
  await until('a part has arrived', async () => (await percent(bar)) >= 5);
  const reached = await percent(bar);
  assert.ok(reached < 100, 'some of it is left');
  await stage.expectAccessible(page, 'an upload in progress');
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByText('Paused').waitFor();

  await page.reload();
  await page.getByRole('heading', { name: 'Unfinished uploads' }).waitFor();
  const again = page.getByLabel(/Choose the file Linear_algebra_1.mp4 again/);
  await again.setInputFiles(files.other);
  await page.getByText(/That is a different file/).waitFor();
  line = await slowLine(page, 1_500_000);
  await again.setInputFiles(files.lecture);
  const card = page.getByRole('article', { name: 'Linear_algebra_1.mp4' });
  await until('it resumes', async () => (await card.getAttribute('data-stage')) === 'sending');
  assert.ok((await percent(bar)) >= reached, 'nothing is sent twice');

  // The upload survives a lost connection on its own; the browser logs each failed attempt.
  stage.allow(/ERR_INTERNET_DISCONNECTED|Failed to load resource/);
  await line.cut();
  await page.getByText(/(continues|resumes) automatically/).first().waitFor();
  await line.free();
  await page.getByText(/Uploaded\. All/).waitFor();
  await page.getByRole('link', { name: 'Open the lecture' }).click();
  await page.getByRole('heading', { name: 'Linear algebra 1', level: 1 }).waitFor();
  await page.getByText('Ready to watch', { exact: true }).waitFor();
  world.lecture = new URL(page.url()).pathname;
}

export async function refuseAFileThatIsNoLecture({ stage, page, files }) {
  stage.allow(/status of 4(15|10|22)/);
  await toUpload(page);
  await pick(page).setInputFiles(files.notes);
  const card = page.getByRole('article', { name: 'notes.mp4' });
  await until('it is refused', async () => (await card.getAttribute('data-stage')) === 'failed');
  await card.getByRole('button', { name: 'Remove from this list' }).click();
}

/** Answers the requests for new uploads, as a server does that has a quota. */
async function refuseNewUploads(page, status, problem) {
  const address = '**/api/v1/content/upload';
  await page.route(address, (route) => {
    if (route.request().method() !== 'POST') return route.fallback();
    return route.fulfill({ status, contentType: 'application/problem+json', body: JSON.stringify({ status, ...problem }) });
  });
  return () => page.unroute(address);
}

/** A file that is too large for the space that is left is refused with both figures. */
export async function refuseAFileThatIsLargerThanTheSpace({ stage, page, files }) {
  stage.allow(/status of 403/);
  const usage = { bytes: { used: 1_500_000, declared: 500_000, allowed: 3_000_000 }, uploads: { open: 1, allowed: 20 } };
  await page.route('**/api/v1/content/usage', (route) => route.fulfill({ json: usage }));
  const accept = await refuseNewUploads(page, 403, { code: 'quota_exceeded', detail: 'you may take 3000000 bytes in all' });
  await toUpload(page);
  await pick(page).setInputFiles(files.other);
  const card = page.getByRole('article', { name: 'Other lecture.mp4' });
  await card.getByText(/^This file \([\d.]+\sMB\) is larger than the space that is left for your lectures \(1\.0\sMB\)/).waitFor();
  await stage.expectAccessible(page, 'a file that is too large');
  await stage.picture(page, 'too-large');
  await card.getByRole('button', { name: 'Remove from this list' }).click();
  await accept();
  await page.unroute('**/api/v1/content/usage');
}

/** With as many unfinished uploads as one may have, another one waits, says for what, and starts. */
export async function waitForAnUnfinishedUpload({ stage, page, files }) {
  stage.allow(/status of 429/);
  const accept = await refuseNewUploads(page, 429, { code: 'too_many_uploads', detail: 'you have 20 unfinished uploads' });
  await toUpload(page);
  await pick(page).setInputFiles(files.third);
  const card = page.getByRole('article', { name: 'Third lecture.mp4' });
  await card.getByText(/This one starts when another is finished or cancelled/).waitFor();
  await stage.picture(page, 'waits-for-another');
  await accept();
  const line = await slowLine(page, 400_000);
  await until('it has begun', async () => (await card.getAttribute('data-stage')) === 'sending');
  await card.getByRole('button', { name: 'Cancel upload' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the upload' }).click();
  await card.getByText('Cancelled. The uploaded part was deleted.').waitFor();
  await line.free();
  await card.getByRole('button', { name: 'Remove from this list' }).click();
}

export async function cancelAnUpload({ stage, page, files }) {
  const line = await slowLine(page, 800_000);
  await toUpload(page);
  await drop(page, files.other);
  const card = page.getByRole('article', { name: 'Other lecture.mp4' });
  await until('it has begun', async () => (await card.getAttribute('data-stage')) === 'sending');
  await card.getByRole('button', { name: 'Cancel upload' }).click();
  await stage.expectAccessible(page, 'a confirmation');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the upload' }).click();
  await page.getByText('Cancelled. The uploaded part was deleted.').waitFor();
  await line.free();
  await stage.toLectures(page);
  await page.getByRole('link', { name: 'Linear algebra 1' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'Other lecture' }).count(), 0, 'nothing is left of it');
}
