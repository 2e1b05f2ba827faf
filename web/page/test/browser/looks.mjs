import assert from 'node:assert/strict';

const kinds = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true, reducedMotion: 'reduce' },
};

/** Checks every page in light, in dark and on a phone: no complaint from axe, no content wider than the screen. */
export async function lookAtEveryPage({ stage, instructor, admin, lecture }) {
  for (const [kind, options] of Object.entries(kinds)) {
    const page = await stage.person(options);
    const look = async (name) => {
      await page.waitForLoadState('networkidle').catch(() => undefined);
      await stage.expectAccessible(page, `${name}, ${kind}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(wide <= 0, `${name}, ${kind}: ${wide} px too wide`);
      await stage.picture(page, `${name}-${kind}`);
    };
    const open = async (path, heading) => {
      await page.evaluate((to) => {
        const link = document.createElement('a');
        link.href = to;
        document.body.append(link);
        link.click();
        link.remove();
      }, path);
      await page.getByRole('heading', { name: heading, level: 1 }).waitFor();
    };
    await page.goto(`${stage.base}/`);
    await page.getByRole('heading', { name: 'Sign in', level: 1 }).waitFor();
    await look('sign-in');
    await open('/sign-up', 'Sign up');
    await look('sign-up');
    await open('/no/such/page', 'There is nothing here');
    await look('not-found');
    await stage.signIn(page, instructor);
    await look('courses');
    await open('/lectures', 'My lectures');
    await look('lectures');
    await open('/upload', 'Upload');
    await look('upload');
    await open(lecture, /Vectors/);
    await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
    await look('lecture');
    await page.getByRole('button', { name: 'Delete' }).click();
    await look('delete');
    await page.keyboard.press('Escape');
    await open('/account', 'Account');
    await look('account');
    await stage.signOut(page);
    await stage.signIn(page, admin);
    await open('/people', 'People');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByRole('checkbox').first().waitFor();
    await look('people');
    await open('/people/audit', 'Audit log');
    await page.getByText('changed the roles of').first().waitFor();
    await look('audit');
    await page.context().close();
  }
}

/** Checks the pages of courses at three widths, in light and in dark. */
export async function lookAtCourses({ stage, instructor, course }) {
  // One sign-in for all sizes: each would be another place where the course plays.
  const page = await stage.person({ reducedMotion: 'reduce' });
  await stage.signIn(page, instructor);
  for (const [width, height] of [[360, 740], [768, 1024], [1440, 900]]) {
    await page.setViewportSize({ width, height });
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      const look = async (name, address, heading) => {
        await page.goto(`${stage.base}${address}`);
        await page.getByRole('heading', { name: heading, level: 1 }).waitFor();
        await page.waitForLoadState('networkidle').catch(() => undefined);
        await stage.expectAccessible(page, `${name}, ${width} px, ${colorScheme}`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(wide <= 0, `${name}, ${width} px: ${wide} px too wide`);
        await stage.picture(page, `${name}-${width}-${colorScheme}`);
      };
      await look('home', '/', 'Courses');
      await look('course', `/courses/${course}`, 'Linear algebra 1');
      await look('builder', `/courses/${course}/edit`, 'Graph theory');
      await look('members', `/courses/${course}/members`, /Members of/);
    }
  }
  await stage.signOut(page);
  await page.context().close();
}
