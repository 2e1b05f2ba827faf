import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Makes a lecture longer than a player's buffer, two shorter ones, one that has to be encoded, one that no decoder
 * decodes, one in a codec that is never decoded, and a text file.
 */
export async function makeFiles(folder) {
  const lecture = join(folder, 'Linear_algebra_1.mp4');
  const other = join(folder, 'Other lecture.mp4');
  const third = join(folder, 'Third lecture.mp4');
  const foreign = join(folder, 'Foreign.mkv');
  const broken = join(folder, 'Broken.mkv');
  const exotic = join(folder, 'Exotic.mkv');
  const notes = join(folder, 'notes.mp4');
  const source = (seconds) => [
    ...['-f', 'lavfi', '-i', `testsrc2=size=640x360:rate=25:duration=${seconds}`],
    ...['-f', 'lavfi', '-i', `sine=frequency=330:duration=${seconds}`],
  ];
  const coding = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '50', '-b:v', '1200k', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-shortest'];
  await run('ffmpeg', ['-loglevel', 'error', '-y', ...source(100), ...coding, lecture]);
  await run('ffmpeg', ['-loglevel', 'error', '-y', ...source(30), ...coding, other]);
  await run('ffmpeg', ['-loglevel', 'error', '-y', ...source(20), ...coding, third]);
  // Audio that has to be encoded.
  const encoded = [...coding, '-c:a', 'libopus'];
  await run('ffmpeg', ['-loglevel', 'error', '-y', ...source(60), ...encoded, foreign]);
  await run('ffmpeg', ['-loglevel', 'error', '-y', '-i', third, '-an', '-c', 'copy', '-bsf:v', 'noise=amount=1', broken]);
  const snow = ['-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25:duration=2', '-c:v', 'snow', '-strict', 'experimental'];
  await run('ffmpeg', ['-loglevel', 'error', '-y', ...snow, exotic]);
  await writeFile(notes, 'These are notes, and no lecture at all.\n'.repeat(200));
  return { lecture, other, third, foreign, broken, exotic, notes };
}
