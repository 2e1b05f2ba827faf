import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { Plugin } from 'vite';

const text = /\.(html|js|css|svg|json|txt|webmanifest)$/;
const brotli = promisify(brotliCompress);
const deflate = promisify(gzip);

/** Writes a `.br` and a `.gz` beside each text file, so that the binary never compresses at run time. */
export function precompress(): Plugin {
  let folder = 'dist';
  return {
    name: 'moocflix-precompress',
    apply: 'build',
    enforce: 'post',
    configResolved(config) {
      folder = config.build.outDir;
    },
    async closeBundle() {
      const files = await readdir(folder, { recursive: true });
      await Promise.all(files.filter((name) => text.test(name)).map((name) => compress(join(folder, name))));
    },
  };
}

async function compress(path: string): Promise<void> {
  const bytes = await readFile(path);
  const small = await brotli(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  const gz = await deflate(bytes, { level: 9 });
  // A sibling that is no smaller than the file itself would only cost memory in the binary.
  if (small.length < bytes.length) await writeFile(`${path}.br`, small);
  if (gz.length < bytes.length) await writeFile(`${path}.gz`, gz);
}
