import assert from 'node:assert/strict';
import { tabTo } from './keyboard.mjs';
import { until } from './stage.mjs';

const time = (page) => page.evaluate(() => document.querySelector('video').currentTime);

/** Counts how often a playing player stalls. */
async function countStalls(page) {
  await page.evaluate(() => {
    const video = document.querySelector('video');
    window.stalls = 0;
    const count = () => (window.stalls += video.seeking || video.currentTime === 0 ? 0 : 1);
    video.addEventListener('waiting', count);
  });
  return () => page.evaluate(() => window.stalls);
}

async function expectMoving(page, seconds) {
  const before = await time(page);
  await until(`${seconds} s have played`, async () => (await time(page)) >= before + seconds);
}

/** A newcomer's first steps: sign in, press play. */
export async function playTheSampleLecture({ stage, instructor }) {
  const page = await stage.person();
  await stage.signIn(page, instructor);
  await stage.toLectures(page);
  await page.getByRole('link', { name: 'Welcome to MoocFlix' }).click();
  await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
  const stalls = await countStalls(page);
  await page.getByRole('button', { name: 'Play', exact: true }).click();
  await expectMoving(page, 3);
  assert.equal(await stalls(), 0, 'it plays without a stall');
  await stage.picture(page, 'sample-lecture');
  await page.context().close();
}

export async function playByKeyboard({ page }) {
  await page.getByRole('link', { name: 'Linear algebra 1' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Linear algebra 1', level: 1 }).waitFor();
  await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
  const stalls = await countStalls(page);
  await tabTo(page, (element) => element.getAttribute('aria-label') === 'Play', true);
  await page.keyboard.press('Space');
  await expectMoving(page, 3);
  assert.equal(await stalls(), 0, 'it plays without a stall');
  await page.keyboard.press('k');
  assert.ok(await page.evaluate(() => document.querySelector('video').paused), 'k pauses');
}

export async function seek({ page }) {
  const stalls = await countStalls(page);
  await page.keyboard.press('k');
  const slider = page.getByRole('slider', { name: 'Position' });
  await slider.focus();
  const before = await time(page);
  await page.keyboard.press('ArrowRight');
  await until('five seconds ahead', async () => (await time(page)) >= before + 5);
  await page.keyboard.press('4');
  await until('at two fifths', async () => Math.abs((await time(page)) - 40) < 3);
  await expectMoving(page, 2);
  const box = await slider.boundingBox();
  await page.mouse.click(box.x + box.width * 0.2, box.y + box.height / 2);
  await until('where it was pressed', async () => Math.abs((await time(page)) - 20) < 3);
  await expectMoving(page, 2);
  assert.equal(await stalls(), 0, 'it continues without a stall');
  assert.match(await slider.getAttribute('aria-valuetext'), /seconds? of 1 minute 40 seconds/);
  await page.getByLabel('Speed').selectOption({ label: '1.5×' });
  assert.equal(await page.evaluate(() => document.querySelector('video').playbackRate), 1.5);
  await page.getByLabel('Speed').selectOption({ label: '1×' });
  await page.getByRole('button', { name: 'Mute' }).click();
  assert.ok(await page.evaluate(() => document.querySelector('video').muted));
}

export async function continueAfterTheSessionExpires({ stage, page }) {
  stage.allow(/status of 403/);
  await page.reload();
  await page.getByRole('button', { name: 'Play', exact: true }).click();
  await expectMoving(page, 1);
  // From here on the player's token is refused, as if it had expired.
  const stale = new URL(await page.evaluate(() => performance.getEntriesByType('resource').map((each) => each.name).filter((name) => name.includes('/p/')).at(-1))).pathname.split('/')[2];
  let refused = 0;
  await page.route(`**/p/${stale}/**`, (route) => {
    refused += 1;
    return route.fulfill({ status: 403, body: '' });
  });
  await page.getByRole('slider', { name: 'Position' }).focus();
  await page.keyboard.press('9');
  await until('the end is played', async () => (await time(page)) > 92);
  assert.ok(refused > 0, 'the old token was tried');
  await page.unroute(`**/p/${stale}/**`);
  assert.equal(await page.getByText('can’t be played').count(), 0);
}

/** A file that has to be encoded plays from its beginning meanwhile, and the picture improves. */
export async function watchWhileItIsEncoded({ stage, instructor, files }) {
  const page = await stage.person();
  await stage.signIn(page, instructor);
  await page.getByRole('navigation').getByRole('link', { name: /Upload/ }).click();
  await page.locator('input[type=file]').first().setInputFiles(files.foreign);
  await page.getByRole('link', { name: 'Open the lecture' }).click();
  await page.getByRole('progressbar', { name: 'Encoding of 240p' }).waitFor();
  await stage.expectAccessible(page, 'a lecture being encoded');
  await page.getByRole('button', { name: 'Play', exact: true }).click();
  await expectMoving(page, 1);
  // The player may open the stream again meanwhile, and has no picture for a moment.
  await until('a picture', () => page.evaluate(() => document.querySelector('video').videoHeight > 0));
  await page.evaluate(() => {
    const video = document.querySelector('video');
    const seen = { jump: 0, height: video.videoHeight, last: video.currentTime };
    window.seen = seen;
    video.addEventListener('timeupdate', () => {
      if (video.readyState === 0) return;
      seen.jump = Math.max(seen.jump, Math.abs(video.currentTime - seen.last));
      seen.last = video.currentTime;
    });
  });
  const first = await page.evaluate(() => window.seen);
  assert.equal(first.height, 240, 'the first picture is the smallest');
  assert.ok(first.last < 20, `it begins at the beginning, not at ${first.last}`);
  await until('the picture is better', () => page.evaluate(() => document.querySelector('video').videoHeight === 360));
  await expectMoving(page, 1);
  const { jump } = await page.evaluate(() => window.seen);
  assert.ok(jump < 2, `it continues where it was, ${jump} s are a jump`);
  await page.getByRole('heading', { name: 'Video and audio qualities' }).waitFor({ state: 'detached', timeout: 60_000 });
  await page.getByText('360p, 240p').waitFor();
  await page.context().close();
}

/** A file that fails each time: its owner reads what helps, and is offered no further try. */
export async function adviseWhereNoRetryHelps({ stage, instructor, files }) {
  const page = await stage.person();
  await stage.signIn(page, instructor);
  await page.getByRole('navigation').getByRole('link', { name: /Upload/ }).click();
  await page.locator('input[type=file]').first().setInputFiles(files.exotic);
  await page.getByRole('link', { name: 'Open the lecture' }).click();
  await page.getByRole('heading', { name: 'This file can’t be played' }).waitFor();
  await page.getByText('Convert it to MP4 with H.264 and AAC, and upload that.').waitFor();
  await page.getByText(/Reason: .*snow/).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Try again' }).count(), 0, 'another try fails, too');
  await stage.expectAccessible(page, 'a lecture in an exotic codec');
  await stage.picture(page, 'exotic-lecture');
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Delete the lecture' }).click();
  await page.getByRole('heading', { name: 'My lectures', level: 1 }).waitFor();
  await page.context().close();
}

/** A file that can't be played: its owner and an admin see why, find it in their lists, and can retry it. */
export async function retryWhatFailed({ stage, instructor, admin, files }) {
  const why = (tab) => tab.getByText('Reason:').waitFor();
  const page = await stage.person();
  await stage.signIn(page, instructor);
  await page.getByRole('navigation').getByRole('link', { name: /Upload/ }).click();
  await page.locator('input[type=file]').first().setInputFiles(files.broken);
  await page.getByText('Uploaded, but this file can’t be played.').waitFor();
  await page.getByRole('link', { name: 'Open the lecture' }).click();
  await page.getByRole('heading', { name: 'This file can’t be played' }).waitFor();
  await why(page);
  await stage.expectAccessible(page, 'a lecture that failed');
  await stage.picture(page, 'failed-lecture');
  await tabTo(page, (element) => element.textContent?.trim() === 'Try again', true);
  await page.keyboard.press('Enter');
  await until('the heading has the focus', () => page.evaluate(() => document.activeElement?.tagName === 'H1'));
  await page.getByRole('heading', { name: 'This file can’t be played' }).waitFor();

  const theirs = await stage.person();
  await stage.signIn(theirs, admin);
  await stage.toLectures(theirs);
  await theirs.getByLabel('Everyone’s').check();
  await theirs.getByRole('heading', { name: 'Everyone’s lectures', level: 1 }).waitFor();
  await theirs.getByRole('link', { name: 'Linear algebra 1' }).waitFor();
  await theirs.getByLabel('Only lectures with failures').check();
  const listed = (name) => theirs.getByRole('link', { name }).count();
  await until('only lectures with failures are listed', async () => (await listed('Broken')) === 1 && (await listed('Linear algebra 1')) === 0);
  await stage.expectAccessible(theirs, 'lectures with failures');
  await stage.picture(theirs, 'what-failed');
  await theirs.getByRole('link', { name: 'Broken' }).click();
  await why(theirs);
  await theirs.getByRole('button', { name: 'Try again' }).waitFor();
  await theirs.context().close();

  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Delete the lecture' }).click();
  await page.getByRole('heading', { name: 'My lectures', level: 1 }).waitFor();
  await page.getByLabel('Only lectures with failures').check();
  await page.getByText('No lecture has failed.').waitFor();
  await page.getByLabel('Only lectures with failures').uncheck();
  await page.getByRole('link', { name: 'Linear algebra 1' }).waitFor();
  const kept = await page.evaluate(() => document.activeElement?.closest('label')?.textContent);
  assert.equal(kept?.trim(), 'Only lectures with failures', 'the focus stays');
  await page.context().close();
}

export async function rename({ stage, page }) {
  await page.getByRole('button', { name: 'Edit' }).click();
  await stage.expectAccessible(page, 'editing');
  await page.getByRole('textbox', { name: 'Title' }).fill('');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Please fill this in.').waitFor();
  await page.getByRole('textbox', { name: 'Title' }).fill('Vectors & <b>spaces</b>');
  await page.getByRole('textbox', { name: 'Description' }).fill('What a vector space is.\nAnd what it is not.');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'Vectors & <b>spaces</b>', level: 1 }).waitFor();
  await page.getByText('And what it is not.').waitFor();
  assert.equal(await page.title(), 'Vectors & <b>spaces</b> · MoocFlix');
  assert.equal(await page.getByRole('dialog').count(), 0);
}

export async function deleteTheLecture({ stage, page, instructor, lecture }) {
  // A segment request in flight is refused, as it must be.
  stage.allow(/status of (403|410)/);
  await stage.signIn(page, instructor);
  await stage.toLectures(page);
  await page.getByRole('link', { name: /Vectors/ }).click();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.keyboard.press('Escape');
  await until('Escape changes nothing', async () => (await page.getByRole('dialog').count()) === 0);
  await until('the focus is back', () => page.evaluate(() => document.activeElement?.textContent?.includes('Delete')));
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Delete the lecture' }).click();
  await page.getByRole('heading', { name: 'My lectures', level: 1 }).waitFor();
  await until('it has left the list', async () => (await page.getByRole('link', { name: /Vectors/ }).count()) === 0);
  await page.goto(`${stage.base}${lecture}`);
  await page.getByRole('heading', { name: /deleted|not found/, level: 1 }).waitFor();
  await stage.signOut(page);
}
