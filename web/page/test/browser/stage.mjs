import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
  // A camera, a microphone and a screen that are made up, and may be used.
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--auto-select-desktop-capture-source=Entire screen',
];
/**
 * Now and then, Chromium loses a picture of its own while a track of pictures ends, and says so up to ten seconds later.
 * `pictures.mjs` counts those that the page loses.
 */
const lostPicture = 'A VideoFrame was garbage collected';
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const patience = 60_000;

export async function openBrowser({ base, shots }) {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: flags });
  if (shots !== undefined) await mkdir(shots, { recursive: true });
  return new Stage(browser, base, shots);
}

/** The browser, with a record of everything that it complains about. */
class Stage {
  #complaints = [];
  #allowed = [];
  #pages = new Set();
  #withoutMouse = new Set();

  constructor(browser, base, shots) {
    this.browser = browser;
    this.base = base;
    this.shots = shots;
  }

  /** A person's browser with a tab. */
  async person(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
    await context.exposeBinding('moocflixComplain', (_source, text) => this.#complaints.push(text));
    await context.exposeBinding('moocflixPressed', ({ page }) => this.#withoutMouse.has(page) && this.#complaints.push('a mouse was used'));
    await context.addInitScript(() => {
      document.addEventListener('pointerdown', (event) => event.isTrusted && window.moocflixPressed(), true);
      document.addEventListener('securitypolicyviolation', (event) => {
        window.moocflixComplain(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample} ${event.sourceFile}`);
      });
    });
    context.setDefaultTimeout(patience);
    return this.tab(context);
  }

  async tab(context) {
    const page = await context.newPage();
    this.#pages.add(page);
    page.on('close', () => this.#pages.delete(page) && this.#withoutMouse.delete(page));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type()) && !message.text().startsWith(lostPicture)) this.#complaints.push(`console: ${message.text()} ${message.location().url}`);
    });
    page.on('pageerror', (error) => this.#complaints.push(`error: ${error.stack}`));
    page.on('dialog', (dialog) => dialog.accept());
    return page;
  }

  /** Expects complaints of this form: browsers log each refused request. */
  allow(pattern) {
    this.#allowed.push(pattern);
  }

  /** From now on, a mouse on this page is a fault. */
  withoutMouse(page) {
    this.#withoutMouse.add(page);
  }

  withMouse(page) {
    this.#withoutMouse.delete(page);
  }

  expectQuiet() {
    const heard = this.#complaints.filter((text) => !this.#allowed.some((pattern) => pattern.test(text)));
    this.#complaints = [];
    this.#allowed = [];
    assert.deepEqual(heard, [], 'the browser complains');
  }

  async signIn(page, { email, password }) {
    await page.goto(`${this.base}/`);
    await page.getByLabel('E-mail address').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Courses', level: 1 }).waitFor();
  }

  /** The page with the lectures of somebody who teaches. */
  async toLectures(page) {
    await page.getByRole('navigation').getByRole('link', { name: 'Lectures', exact: true }).click();
    await page.getByRole('heading', { name: 'My lectures', level: 1 }).waitFor();
  }

  async signOut(page) {
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await page.getByRole('heading', { name: 'Sign in', level: 1 }).waitFor();
  }

  /** Asserts that axe finds no violation of WCAG 2.2 AA or of good practice. */
  async expectAccessible(page, what) {
    await page.evaluate(axe);
    const found = await page.evaluate(async () => {
      const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join(' | ')}`);
    });
    assert.deepEqual(found, [], `axe on ${what}`);
  }

  /** The same at three widths, in light and in dark, where nothing may be wider than the window; leaves it as it was. */
  async expectAccessibleEverywhere(page, what) {
    const size = page.viewportSize();
    const before = await page.evaluate(() => ({
      colorScheme: window.matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light',
      reducedMotion: window.matchMedia('(prefers-reduced-motion: reduce)').matches ? 'reduce' : 'no-preference',
    }));
    await page.emulateMedia({ reducedMotion: 'reduce' });
    // What was moving or changing its colour comes to its end, and changes at once from now on.
    await page.waitForTimeout(1000);
    for (const [width, height] of [[360, 740], [768, 1024], [1440, 900]]) {
      await page.setViewportSize({ width, height });
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        await page.waitForTimeout(200);
        await this.expectAccessible(page, `${what}, ${width} px, ${colorScheme}`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(wide <= 0, `${what}, ${width} px: ${wide} px too wide`);
      }
    }
    await page.emulateMedia(before);
    await page.setViewportSize(size);
  }

  /** Takes a screenshot if there is a folder for it: as many as the scenes have take half a minute. */
  async picture(page, name) {
    if (this.shots === undefined) return;
    await page.screenshot({ path: join(this.shots, `${name}.png`), fullPage: true });
  }

  async pictureOfFailure(name) {
    let number = 0;
    for (const page of this.#pages) {
      number += 1;
      await this.picture(page, `failed-${name}-${number}`).catch(() => undefined);
    }
    console.log(this.shots === undefined ? 'MOOCFLIX_SHOTS names a folder for screenshots' : `screenshots are in ${this.shots}`);
    for (const text of this.#complaints) console.log(`        heard: ${text}`);
  }

  close() {
    return this.browser.close();
  }
}

/** Waits until a condition holds. */
export async function until(what, question, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    if (await question()) return;
    assert.ok(Date.now() < end, `waited ${seconds} s for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
