import type { Video } from '../api/wire';
import type { Key } from '../i18n/text';

const convert: Key = 'failed.convert';
const check: Key = 'failed.check';
const other: Key = 'failed.other';

/** What the owner can do about a file that fails in the same way each time, by the code of the reason. */
const advice: Readonly<Partial<Record<string, Key>>> = {
  media_codec: convert,
  media_too_large: convert,
  media_too_slow: convert,
  media_limits: 'failed.limits',
  media_timeline: 'failed.timeline',
  media_encrypted: 'failed.encrypted',
  media_external_ref: 'failed.reference',
  media_malformed: check,
  media_truncated: check,
  media_empty: other,
  media_unreadable: other,
  media_type: other,
  unsupported_media: other,
  media_missing: 'failed.missing',
};
/** Formats that the encoder makes of this source each time. */
const lasting = new Set(['piece_format']);

/** What the owner of a failed lecture can do. */
export function adviceFor(video: Video): Key {
  const known = advice[video.reason?.code ?? ''];
  return known ?? (mayMend(video) ? 'failed.again' : convert);
}

/** Whether another try can help: the file itself may be right. */
export function mayMend(video: Video): boolean {
  const failed = video.renditions.filter((one) => one.state === 'failed').map((one) => one.reason?.code);
  const codes = video.reason ? [video.reason.code, ...failed] : failed;
  return codes.length === 0 || codes.some((code) => code === undefined || (advice[code] === undefined && !lasting.has(code)));
}
