/**
 * Plays scenes in their order, or only those with these names, and closes the browser. Prints a line per scene, stops at
 * the first failure, and returns whether there was none.
 */
export async function play(world, scenes, wanted) {
  const { stage } = world;
  const played = wanted.length === 0 ? scenes : scenes.filter((scene) => wanted.includes(scene.name));
  let failed = 0;
  for (const scene of played) {
    const name = scene.name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    const begun = Date.now();
    try {
      await scene(world);
      stage.expectQuiet();
      console.log(`ok      ${name} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}\n${error.stack}`);
      await stage.pictureOfFailure(scene.name);
      break;
    }
  }
  await stage.close();
  console.log(`page: ${played.length} scenes, ${failed === 0 ? 'all passed' : 'failed'}, skipped: ${scenes.length - played.length}`);
  return failed === 0;
}
