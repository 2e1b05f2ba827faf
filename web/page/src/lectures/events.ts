import type { Video } from '../api/wire';
import { session } from '../session/session.svelte';

/** Splits a stream of server-sent events; feed it text as it arrives. */
export class EventReader {
  #rest = '';

  /** Returns the events that this text completes. */
  feed(text: string): { name: string; data: string }[] {
    // Lines may end in CR LF, and a cut may fall between the two; in JSON a bare CR can't occur.
    const blocks = (this.#rest + text.replaceAll('\r', '')).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    return blocks.map(readBlock).filter((event) => event.data !== '');
  }
}

function readBlock(block: string): { name: string; data: string } {
  let name = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const [, field, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (field === 'event') name = value ?? name;
    if (field === 'data') data.push(value ?? '');
  }
  return { name, data: data.join('\n') };
}

/**
 * Reads a lecture's events until the server closes them. EventSource can't send the bearer, and a token in the address
 * would end up in logs, so the stream is read by fetch.
 */
export async function readEvents(videoId: string, changed: (video: Video) => void, signal: AbortSignal): Promise<void> {
  const request = new Request(`/api/v1/content/${videoId}/events`, { headers: { Accept: 'text/event-stream' }, signal });
  const answer = await session.fetch(request);
  if (!answer.ok || answer.body === null) throw new TypeError(`no events: ${answer.status}`);
  const events = new EventReader();
  const lines = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await lines.read();
    if (done) return;
    for (const event of events.feed(value)) {
      if (event.name === 'video') changed(JSON.parse(event.data) as Video);
    }
  }
}
