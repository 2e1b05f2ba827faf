import type Hls from 'hls.js';
import type { ErrorData } from 'hls.js';
import { Problem } from '../api/problem';
import type { LiveSession, PlaybackSession } from '../api/wire';
import { t } from '../i18n/text';
import { betterHeight, sizesOf } from './better';
import { settings } from './hls';
import { own } from './own';
import { keepAlive, openStream, placesOf, type Source } from './stream';
import { Tabs } from './tabs';

/** How many refusals of a freshly opened session's media it takes to give up. */
const mostRefusals = 3;
const longestWait = 15_000;
/** A second decoding error within this time is final. */
const mendWindow = 10_000;
/** The interval between looks at the playlist, once the server makes a better picture. */
const lookEvery = 8_000;

/**
 * Plays a lecture in a video element. Playback sessions expire (on a laptop that slept) and connections break:
 * both times it reopens the stream at the position, without asking the viewer.
 */
export class Playback {
  /** Why playback can't continue; the viewer may try again. */
  problem = $state<Problem | null>(null);
  /** Whether playback waits for the connection to come back. */
  reconnecting = $state(false);
  /** Where else the viewer plays, if that is why playback stopped here: in too many places, or (`null`) in another tab. */
  elsewhere = $state.raw<{ places: LiveSession[] | null; began: boolean } | null>(null);
  /** Whether the stream is being reopened for a better picture; until then the last frame stays visible. */
  bettering = $state(false);

  #hls: Hls | null = null;
  #refusals = 0;
  #attempt = 0;
  #mendedAt = 0;
  #generation = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopBeat: () => void = () => undefined;
  #native = false;
  #stream: PlaybackSession | null = null;
  #Player: typeof Hls | null = null;
  #tallest = 0;
  #bettered = 0;
  #look: ReturnType<typeof setTimeout> | undefined;
  /** Whether the page has left the screen, and its session has ended. */
  #isAway = false;
  /** Whether the lecture has been playing here. */
  #began = false;
  #takeOver: string | null = null;
  /** Where the stream was opened last, or where it broke off. */
  #position = 0;
  /** Whether what is being opened is to play; an element without a stream counts as paused. */
  #plays = false;
  readonly #tabs: Tabs;
  readonly #gone = new AbortController();

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly source: Source,
    /** Keeps the current frame visible while there is no stream. */
    private readonly hold: () => void,
  ) {
    this.#tabs = new Tabs(source.videoId, () => this.#displaced(null));
    const { signal } = this.#gone;
    window.addEventListener('online', () => this.reconnecting && this.#loadAgain(0), { signal });
    window.addEventListener('pagehide', () => this.#leave(), { signal });
    window.addEventListener('pageshow', (event) => event.persisted && this.#comeBack(), { signal });
    video.addEventListener('error', () => this.#native && this.#reopenSoon(1000), { signal });
    video.addEventListener('pause', () => (this.#plays = false), { signal });
    video.addEventListener('canplay', () => (this.bettering = false), { signal });
  }

  /** Opens the stream and loads its beginning, but does not start to play. */
  async open(beginning: Promise<number> | null = null, play = false): Promise<void> {
    this.problem = null;
    this.elsewhere = null;
    this.#refusals = 0;
    this.#attempt = 0;
    await this.#open(beginning ?? this.#position, play);
  }

  /** Plays here, and ends the session of another place; without one, only other tabs stop. */
  async playHere(sessionId: string | null): Promise<void> {
    this.#takeOver = sessionId;
    await this.open(null, true);
  }

  /** Stops: the viewer may no longer watch the lecture, of which the player still has a part. */
  lose(problem: Problem): void {
    this.#generation += 1;
    this.video.pause();
    this.#giveUp(new Problem(problem.status, problem.code, t('player.lost')));
    this.#stream = null;
  }

  /** Notes the height of the server's tallest picture, which may be better than the open ones. */
  offer(tallest: number): void {
    if (tallest <= this.#tallest) return;
    this.#tallest = tallest;
    this.#lookSoon(0);
  }

  close(): void {
    this.#gone.abort();
    this.#tabs.close();
    clearTimeout(this.#look);
    if (this.#stream !== null && !this.#isAway) own.leave(this.#stream);
    this.#drop();
    this.video.removeAttribute('src');
    this.video.load();
  }

  async #open(beginning: number | Promise<number>, play: boolean): Promise<void> {
    this.#drop();
    this.#plays = play;
    const generation = ++this.#generation;
    this.#tabs.open();
    try {
      const asked = openStream(this.source, this.#takeOver);
      const [stream, { default: Player }, position] = await Promise.all([asked, import('hls.js'), beginning]);
      this.#takeOver = null;
      this.#position = position;
      if (generation !== this.#generation || this.#gone.signal.aborted) {
        own.leave(stream);
        return;
      }
      // Native HLS is the second choice: it does not report why it failed, so an expired session can't be renewed.
      if (Player.isSupported()) this.#attach(Player, stream, position);
      else if (this.video.canPlayType('application/vnd.apple.mpegurl') !== '') this.#attachNative(stream, position);
      else throw new Problem(0, 'unsupported', t('player.errorUnsupported'));
      this.#Player = Player;
      this.#stream = stream;
      this.#began = true;
      const isIdle = () => document.hidden && this.video.paused;
      this.#stopBeat = keepAlive(stream, isIdle, () => this.#hls !== null && this.#refused());
      if (this.#plays) void this.video.play().catch(() => undefined);
      this.#plays = false;
    } catch (thrown) {
      if (generation === this.#generation && !this.#gone.signal.aborted) this.#couldNotOpen(Problem.of(thrown));
    }
  }

  #attach(Player: typeof Hls, stream: PlaybackSession, position: number): void {
    const hls = new Player(settings(position));
    this.#hls = hls;
    hls.on(Player.Events.ERROR, (_name, data) => this.#failed(Player, data));
    hls.on(Player.Events.FRAG_BUFFERED, () => {
      this.#refusals = 0;
      this.#attempt = 0;
      this.reconnecting = false;
    });
    hls.attachMedia(this.video);
    hls.loadSource(stream.hls_url);
  }

  #attachNative(stream: PlaybackSession, position: number): void {
    this.#native = true;
    this.video.addEventListener('loadedmetadata', () => (this.video.currentTime = position), { once: true });
    this.video.src = stream.hls_url;
  }

  #lookSoon(after: number): void {
    clearTimeout(this.#look);
    this.#look = setTimeout(() => void this.#lookForBetter(), after);
  }

  /**
   * Reopens the stream at the position once a taller picture is listed and worth showing. The server lists a rung only
   * when the encoder stays ahead of its viewers, so this polls the playlist until the tallest one is there.
   */
  async #lookForBetter(): Promise<void> {
    const hls = this.#hls;
    const stream = this.#stream;
    if (this.#gone.signal.aborted || this.#native) return;
    const top = Math.max(0, ...(hls?.levels ?? []).map((level) => level.height));
    if (hls !== null && hls.levels.length > 0 && top >= this.#tallest) return;
    this.#lookSoon(lookEvery);
    // At the end no better picture is needed, until the lecture is watched again.
    const idle = document.hidden || this.video.ended || this.bettering;
    if (hls === null || stream === null || hls.levels.length === 0 || idle) return;
    const answer = await fetch(stream.hls_url, { cache: 'no-cache', signal: this.#gone.signal }).catch(() => null);
    const offered = answer?.ok ? sizesOf(await answer.text().catch(() => '')) : [];
    if (this.#hls !== hls || this.#gone.signal.aborted) return;
    const current = hls.levels[hls.currentLevel >= 0 ? hls.currentLevel : hls.loadLevel] ?? null;
    const { clientWidth, clientHeight } = this.video;
    const player = { width: clientWidth * window.devicePixelRatio, height: clientHeight * window.devicePixelRatio };
    const better = betterHeight({ sizes: hls.levels, current }, offered, player);
    if (better === null || better <= this.#bettered) return;
    this.#bettered = better;
    this.#better(stream);
  }

  #better(stream: PlaybackSession): void {
    if (this.#Player === null) return;
    const position = this.video.currentTime;
    const play = !this.video.paused;
    this.hold();
    this.bettering = true;
    this.#hls?.destroy();
    this.#attach(this.#Player, stream, position);
    if (play) void this.video.play().catch(() => undefined);
  }

  #failed(Player: typeof Hls, data: ErrorData): void {
    const status = data.response?.code ?? 0;
    // An expired session only returns 403; opening a new one shows whether the viewer may still watch.
    if (status === 403 || status === 410) {
      this.#refused();
    } else if (data.fatal && data.type === Player.ErrorTypes.NETWORK_ERROR) {
      this.reconnecting = true;
      this.#loadAgain(this.#nextWait());
    } else if (data.fatal && data.type === Player.ErrorTypes.MEDIA_ERROR) {
      this.#mend();
    } else if (data.fatal) {
      this.#giveUp(new Problem(0, 'media', t('player.errorLoad')));
    }
  }

  #refused(): void {
    this.#refusals += 1;
    if (this.#refusals > mostRefusals) this.#giveUp(new Problem(403, 'refused', t('player.errorRefused')));
    else this.#reopenSoon(this.#refusals === 1 ? 0 : 1000);
    this.#stream = null;
  }

  #mend(): void {
    const now = performance.now();
    if (this.#mendedAt > 0 && now - this.#mendedAt < mendWindow) {
      this.#giveUp(new Problem(0, 'media', t('player.errorMedia')));
      return;
    }
    this.#mendedAt = now;
    this.#hls?.recoverMediaError();
  }

  #couldNotOpen(problem: Problem): void {
    const places = placesOf(problem);
    if (places !== null) {
      this.#displaced(places);
      return;
    }
    const waits = problem.code === 'network' || problem.status === 429 || problem.status >= 500;
    if (this.#began && problem.isBarred) {
      this.lose(problem);
      return;
    }
    if (!waits || this.#attempt > 20) {
      this.#giveUp(problem);
      return;
    }
    this.reconnecting = true;
    this.#reopenSoon(this.#nextWait());
  }

  /** Playback goes on in other places, and not here. */
  #displaced(places: LiveSession[] | null): void {
    // The playback that is being opened here is later than the other tab's.
    this.#generation += 1;
    this.video.pause();
    this.#drop();
    this.#stream = null;
    this.bettering = false;
    this.reconnecting = false;
    this.elsewhere = { places, began: this.#began };
  }

  #nextWait(): number {
    return Math.min(longestWait, 500 * 2 ** this.#attempt++);
  }

  /** Continues to load where it broke off; the loaded part keeps playing meanwhile. */
  #loadAgain(after: number): void {
    const hls = this.#hls;
    if (hls === null || hls.levels.length === 0) {
      this.#reopenSoon(after);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => hls.startLoad(), after);
  }

  #reopenSoon(after: number): void {
    this.#plays ||= !this.video.paused;
    this.#drop();
    this.#timer = setTimeout(() => void this.#open(this.#position, this.#plays || !this.video.paused), after);
  }

  #giveUp(problem: Problem): void {
    this.#drop();
    this.bettering = false;
    this.reconnecting = false;
    this.problem = problem;
  }

  /** The tab is closed, or shows another page: its place is free at once. */
  #leave(): void {
    this.#isAway = true;
    this.#stopBeat();
    this.#hls?.stopLoad();
    this.video.pause();
    if (this.#stream !== null) own.end(this.#stream);
  }

  /** The browser shows a page again that it kept, and whose session has ended. */
  #comeBack(): void {
    this.#isAway = false;
    if (this.problem !== null || this.elsewhere !== null) return;
    this.#drop();
    void this.open();
  }

  #drop(): void {
    clearTimeout(this.#timer);
    this.#stopBeat();
    // Without a stream, the element forgets its position.
    if (this.#stream !== null && this.video.readyState > 0) this.#position = this.video.currentTime;
    this.#native = false;
    this.#hls?.destroy();
    this.#hls = null;
  }
}
