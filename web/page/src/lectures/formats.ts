/** Names that differ from ffmpeg's in capitals; its other names are their own abbreviations. */
const names: Readonly<Record<string, string>> = {
  h264: 'H.264',
  h263: 'H.263',
  h261: 'H.261',
  flv1: 'Sorenson Spark',
  mpeg1video: 'MPEG-1',
  mpeg2video: 'MPEG-2',
  mpeg4: 'MPEG-4',
  mjpeg: 'Motion JPEG',
  theora: 'Theora',
  dvvideo: 'DV',
  dnxhd: 'DNxHD',
  prores: 'ProRes',
  msmpeg4v1: 'MS-MPEG-4 v1',
  msmpeg4v2: 'MS-MPEG-4 v2',
  msmpeg4v3: 'MS-MPEG-4 v3',
  wmv1: 'Windows Media Video 7',
  wmv2: 'Windows Media Video 8',
  wmv3: 'Windows Media Video 9',
  vc1: 'VC-1',
  cinepak: 'Cinepak',
  qtrle: 'QuickTime Animation',
  huffyuv: 'HuffYUV',
  utvideo: 'Ut Video',
  rawvideo: 'uncompressed',
  webp: 'WebP',
  ac3: 'AC-3',
  eac3: 'E-AC-3',
  opus: 'Opus',
  vorbis: 'Vorbis',
  speex: 'Speex',
  wmav1: 'Windows Media Audio',
  wmav2: 'Windows Media Audio',
  wmapro: 'Windows Media Audio Pro',
  amr_nb: 'AMR',
  amr_wb: 'AMR-WB',
  wavpack: 'WavPack',
};

/** The name that people know a codec by, from ffmpeg's. */
export function codecName(codec: string): string {
  if (/^(ad)?pcm_/.test(codec)) return codec.startsWith('ad') ? 'ADPCM' : 'PCM';
  return names[codec] ?? codec.toUpperCase().replaceAll('_', ' ');
}

/** The rates of cameras, screen recorders and films. */
const rates = [5, 10, 12, 12.5, 15, 20, 23.98, 24, 25, 29.97, 30, 48, 50, 59.94, 60, 90, 100, 119.88, 120, 144, 240];
/** A measured rate deviates where the first or the last frame is shown longer than the others. */
const deviation = 0.003;

/** Frames per second for people: the usual rate that a measured one stands for, or its own two decimals. */
export function frameRate(measured: number): number {
  const nearest = rates.reduce((best, rate) => (Math.abs(rate - measured) < Math.abs(best - measured) ? rate : best));
  if (Math.abs(nearest - measured) <= nearest * deviation) return nearest;
  return Math.round(measured * 100) / 100;
}
