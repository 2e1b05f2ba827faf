import { Problem } from '../api/problem';
import type { LiveSession, PlaybackSession } from '../api/wire';
import { t } from '../i18n/text';
import { own } from '../player/own';
import { keepAlive, openStream, placesOf, type Source } from '../player/stream';
import { Tabs } from '../player/tabs';
import { Segments, type Behind } from './segments';
import { Whep } from './whep';

/** How a lecture reaches the player: by WebRTC at once, or by segments a little later. */
export type Path = 'webrtc' | 'segments';

const lookEvery = 500;
/** Without media for so long, the teacher's line is down. Units: milliseconds */
const silence = 2500;
/** How close to live a picture is live: for somebody who wants to be live, and for somebody who has rewound. Units: seconds */
const near = { live: 8, past: 3 };
const longestWait = 8000;
/** How many refusals of freshly opened sessions it takes to give up. */
const mostRefusals = 4;
/** The longest time between two attempts to get from segments to WebRTC. Units: milliseconds */
const longestBetter = 120_000;
/** A pause shorter than this continues live. Units: milliseconds */
const shortPause = 1500;

/**
 * Plays a lecture that is live. It begins with WebRTC and falls to segments by itself: where the network lets no WebRTC
 * through, where the server takes no more such viewers, and for what lies in the past.
 */
export class LivePlayback {
  path = $state<Path | null>(null);
  /** Why playback can't continue; the viewer may try again. */
  problem = $state<Problem | null>(null);
  /** Where else the viewer plays, if that is why playback stopped here. */
  elsewhere = $state.raw<{ places: LiveSession[] | null; began: boolean } | null>(null);
  opening = $state(true);
  /** Whether playback waits for the viewer's own connection. */
  reconnecting = $state(false);
  /** Whether nothing comes from the teacher. */
  away = $state(false);
  /** Whether the browser only plays without sound until somebody asks for it. */
  silenced = $state(false);
  /** Whether the last picture covers the player until the next one is there. */
  held = $state(false);
  /** The length of the lecture so far, and how far behind its end the picture is. Units: seconds */
  length = $state(0);
  behind = $state(0);

  #whep: Whep | null = null;
  #whepOpens = false;
  /** A sign-in has one place for a lecture, which WebRTC took while it was being opened. */
  #hasLostPlace = false;
  #segments: Segments | null = null;
  #stream: PlaybackSession | null = null;
  #stopBeat: () => void = () => undefined;
  #generation = 0;
  #attempt = 0;
  #refusals = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #began = false;
  #isAway = false;
  /** Whether WebRTC can't pass the network here. */
  #isBlocked = false;
  #takeOver: string | null = null;
  #wantsLive = $state(true);
  /** When the viewer has paused; 0: what is opened plays. Units: milliseconds since 1970 */
  #pausedAt = 0;
  /** When WebRTC is tried again, and how long the wait is next time. */
  #betterAt = Infinity;
  #betterWait = 15_000;
  #heard = { bytes: 0, at: 0 };
  /** How much longer the lecture is by the clock than its recording, as far as segments have told. Units: seconds */
  #unrecorded = 0;
  readonly #tabs: Tabs;
  readonly #gone = new AbortController();
  readonly #looking = setInterval(() => void this.#look(), lookEvery);

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly source: Source,
    /** When the lecture began. Units: milliseconds since 1970 */
    private readonly startedAt: () => number | null,
    /** Keeps the current picture visible while there is no stream. */
    private readonly hold: () => void,
  ) {
    this.#tabs = new Tabs(source.videoId, () => this.#displaced(null));
    const { signal } = this.#gone;
    window.addEventListener('online', () => this.reconnecting && this.#again(0), { signal });
    window.addEventListener('pagehide', () => this.#leave(), { signal });
    window.addEventListener('pageshow', (event) => event.persisted && this.#comeBack(), { signal });
    video.addEventListener('playing', () => this.#shown(), { signal });
    video.addEventListener('volumechange', () => !video.muted && (this.silenced = false), { signal });
  }

  /** Whether the picture is what happens now. */
  get isLive(): boolean {
    return this.path !== 'segments' || this.behind < (this.#wantsLive ? near.live : near.past);
  }

  /** Where the viewer is in the lecture. Units: seconds */
  get position(): number {
    // Segments take a moment to open, and who goes back again meanwhile goes on from there.
    return Math.max(0, this.length - (this.path === 'segments' || !this.#wantsLive ? this.behind : 0));
  }

  /** The position of the picture in the recording; null while nobody knows it. Units: seconds */
  get inRecording(): number | null {
    // The browser's own player needs no placing.
    if (this.path === 'segments') return this.#segments?.isPlaced === false ? null : this.video.currentTime;
    const age = this.#age;
    // While the past is opened, what was live is still on screen.
    if (this.path !== 'webrtc' || !this.#wantsLive || age === null) return null;
    return Math.max(0, age - this.#unrecorded);
  }

  /** How long ago the lecture began, by the clock of this machine; null if nobody knows. Units: seconds */
  get #age(): number | null {
    const started = this.startedAt();
    return started === null ? null : (Date.now() - started) / 1000;
  }

  /** Opens the lecture where it is now. */
  async open(): Promise<void> {
    this.problem = null;
    this.elsewhere = null;
    this.#refusals = 0;
    this.#attempt = 0;
    this.#pausedAt = 0;
    await this.#openLive();
  }

  /** Plays here, and ends the session of another place; without one, only other tabs stop. */
  async playHere(sessionId: string | null): Promise<void> {
    this.#takeOver = sessionId;
    await this.open();
  }

  /** Goes to a position of the lecture so far. */
  seek(position: number): void {
    const behind = Math.max(0, this.length - Math.max(0, position));
    if (behind < 3) this.toLive();
    else if (this.#segments?.isPlaced && !(this.opening && this.#hasLostPlace)) {
      if (this.opening) this.#stay();
      this.#wantsLive = false;
      this.#segments.follow(false);
      this.video.currentTime = Math.max(0, position);
      this.behind = behind;
    } else {
      this.#pausedAt = 0;
      // Whoever drags the slider opens one session, which begins where the slider is by then.
      if (this.opening && !this.#wantsLive) this.behind = behind;
      else this.#openBehind(behind);
    }
  }

  toLive(): void {
    this.#pausedAt = 0;
    if (this.#whep !== null) return this.#play();
    if (this.#isBlocked && this.#segments !== null) this.#segmentsToLive(this.#segments);
    else void this.open();
  }

  pause(): void {
    this.#pausedAt = Date.now();
    this.video.pause();
  }

  /** Continues where it was paused, which is the past by now. */
  resume(): void {
    const missed = this.#pausedAt === 0 ? 0 : Date.now() - this.#pausedAt;
    const isLost = this.#pausedAt > 0 && this.path === 'webrtc' && this.#whep === null && !this.opening;
    this.#pausedAt = 0;
    if (missed > shortPause && (isLost || this.#whep !== null)) this.#openBehind(missed / 1000);
    else if (isLost) void this.open();
    else this.#play();
  }

  /** Plays with sound, which browsers only allow after a click or a key. */
  unsilence(): void {
    this.video.muted = false;
    this.silenced = false;
  }

  close(): void {
    this.#gone.abort();
    this.#generation += 1;
    this.#tabs.close();
    clearInterval(this.#looking);
    if (this.#stream !== null && !this.#isAway) own.leave(this.#stream);
    this.#stream = null;
    this.#drop();
  }

  /** Gives up an attempt to open the lecture live; the segments go on. */
  #stay(): void {
    clearTimeout(this.#timer);
    this.#generation += 1;
    this.#whepOpens = false;
    this.#betterAt = performance.now() + this.#betterWait;
    this.opening = false;
  }

  async #openLive(): Promise<void> {
    const generation = this.#begin();
    this.#wantsLive = true;
    if (this.#isBlocked || this.#takeOver !== null) return this.#openSegments(null, generation);
    this.#whepOpens = true;
    this.#hasLostPlace = false;
    try {
      const whep = await Whep.open(this.source).finally(() => (this.#whepOpens = false));
      if (generation !== this.#generation) return void whep.close();
      this.#useWhep(whep, generation);
    } catch (thrown) {
      if (generation !== this.#generation) return;
      const problem = Problem.of(thrown);
      this.#isBlocked ||= problem.code === 'no_media';
      // Whoever may not watch, or can't reach the server, gets no further with segments.
      if (isOver(problem) || problem.code === 'network') return this.#couldNotOpen(problem);
      this.#betterAt = performance.now() + this.#betterWait;
      this.#betterWait = Math.min(longestBetter, this.#betterWait * 2);
      if (this.#segments === null || this.#hasLostPlace) await this.#openSegments(null, generation);
      else this.#segmentsToLive(this.#segments);
    }
  }

  /** What plays from segments goes to their end. */
  #segmentsToLive(segments: Segments): void {
    this.#wantsLive = true;
    this.opening = false;
    segments.toLive();
    this.#goOn();
  }

  #useWhep(whep: Whep, generation: number): void {
    this.#keepPicture();
    this.#dropSegments();
    this.#whep = whep;
    this.#heard = { bytes: 0, at: performance.now() };
    this.#opened('webrtc');
    this.video.playbackRate = 1;
    this.video.srcObject = whep.stream;
    this.#goOn();
    void whep.lost.then(() => {
      if (generation !== this.#generation || this.#whep !== whep) return;
      this.#keepPicture();
      this.#whep = null;
      void whep.close();
      this.away = false;
      // Whoever has paused needs no other connection before they go on.
      if (this.#pausedAt > 0) return;
      if (!this.#refused()) return;
      this.reconnecting = true;
      this.#again(this.#refusals === 1 ? 0 : 1000);
    });
  }

  /** Opens what lies behind live. */
  #openBehind(behind: number): void {
    this.#wantsLive = false;
    this.behind = behind;
    this.#keepPicture();
    void this.#openSegments(behind, this.#begin());
  }

  async #openSegments(behind: Behind, generation: number): Promise<void> {
    try {
      await this.#dropWhep();
      if (generation !== this.#generation) return;
      const [stream, { default: Player }] = await Promise.all([openStream(this.source, this.#takeOver), import('hls.js')]);
      this.#takeOver = null;
      // Nobody plays it any more: it would count as one of the viewer's places until it expires.
      if (generation !== this.#generation) return own.leave(stream);
      if (!Player.isSupported()) return this.#playNative(stream);
      this.video.srcObject = null;
      this.#dropSegments();
      this.#stream = stream;
      // The viewer may have gone elsewhere in the past meanwhile.
      this.#segments = new Segments(Player, this.video, stream.hls_url, behind === null ? null : this.behind, {
        refused: () => this.#losePlace(),
        missing: () => this.#again(1000),
        waiting: (isWaiting) => (this.reconnecting = isWaiting),
        broken: () => this.#giveUp(new Problem(0, 'media', t('player.errorMedia'))),
      });
      this.#stopBeat = keepAlive(stream, () => document.hidden && this.video.paused, () => this.#losePlace());
      this.#opened('segments');
      this.#goOn();
    } catch (thrown) {
      if (generation === this.#generation) this.#couldNotOpen(Problem.of(thrown));
    }
  }

  /** The last resort of browsers that have no media source extensions. */
  #playNative(stream: PlaybackSession): void {
    if (this.video.canPlayType('application/vnd.apple.mpegurl') === '') {
      this.#giveUp(new Problem(0, 'unsupported', t('player.errorUnsupported')));
      return;
    }
    this.video.srcObject = null;
    this.video.src = stream.hls_url;
    this.#stream = stream;
    this.#opened('segments');
    this.#goOn();
  }

  #begin(): number {
    clearTimeout(this.#timer);
    this.#tabs.open();
    this.#whepOpens = false;
    this.problem = null;
    this.opening = true;
    return ++this.#generation;
  }

  #opened(path: Path): void {
    this.path = path;
    this.#began = true;
    this.#attempt = 0;
    this.opening = false;
    this.reconnecting = false;
    this.away = false;
    if (path === 'webrtc') this.behind = 0;
  }

  #shown(): void {
    if (this.#segments !== null && !this.#segments.isPlaced) return;
    this.held = false;
    this.#refusals = 0;
    if (this.#segments === null) this.reconnecting = false;
  }

  /** Plays what was opened, unless the viewer has paused: a laptop that wakes up must not begin to speak. */
  #goOn(): void {
    if (this.#pausedAt === 0) this.#play();
  }

  #play(): void {
    this.video.play().catch((thrown: unknown) => {
      if (!(thrown instanceof DOMException) || thrown.name !== 'NotAllowedError' || this.video.muted) return;
      this.video.muted = true;
      this.silenced = true;
      void this.video.play().catch(() => undefined);
    });
  }

  async #look(): Promise<void> {
    const place = this.#segments?.place ?? null;
    const age = this.#age;
    if (place !== null && this.#segments?.isPlaced) {
      this.length = place.end;
      // The time in which nobody published is not recorded, and the clock here may be wrong.
      if (age !== null) this.#unrecorded = age - place.end;
      this.behind = place.behind;
      const isStalled = !this.video.paused && this.video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
      this.away = this.#segments?.isFresh === false && !this.reconnecting && isStalled;
      this.#segments?.follow(this.isLive);
      this.#tryBetter();
    } else if (this.path === 'webrtc' && age !== null) this.length = Math.max(0, age - this.#unrecorded);
    const whep = this.#whep;
    if (whep === null) return;
    const bytes = await whep.received().catch(() => this.#heard.bytes);
    if (whep !== this.#whep) return;
    const now = performance.now();
    if (bytes !== this.#heard.bytes) this.#heard = { bytes, at: now };
    this.away = now - this.#heard.at > silence;
  }

  /** Tries WebRTC again after a while: the server may have had no place left, or the teacher may be back. */
  #tryBetter(): void {
    const isIdle = this.video.paused || document.hidden || this.away || this.opening;
    if (this.#isBlocked || isIdle || !this.isLive || performance.now() < this.#betterAt) return;
    this.#betterAt = Infinity;
    void this.#openLive();
  }

  #couldNotOpen(problem: Problem): void {
    const places = placesOf(problem);
    if (places !== null) return this.#displaced(places);
    const waits = problem.code === 'network' || problem.status === 429 || problem.status >= 500 || problem.status === 409;
    if (!waits) return this.#giveUp(this.#began && problem.isBarred ? new Problem(problem.status, problem.code, t('player.lost')) : problem);
    this.reconnecting = this.#began || problem.code === 'network';
    this.#again(Math.min(longestWait, 500 * 2 ** this.#attempt++));
  }

  /** Opens the lecture again: live if that is where the viewer was, or wanted to be, else as far behind. */
  #again(after: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // While the past is opened after WebRTC, what is wanted counts, and not what was shown last.
      const isLive = this.path === 'segments' ? this.isLive : this.#wantsLive;
      if (isLive) void this.#openLive();
      else this.#openBehind(this.behind);
    }, after);
  }

  /** What plays from segments is refused; while WebRTC is being opened, that shows what to do. */
  #losePlace(): void {
    if (this.#whepOpens) this.#hasLostPlace = true;
    else this.#reopen();
  }

  /** The session is over; a new one shows whether the viewer may still watch. */
  #reopen(): void {
    if (!this.#refused()) return;
    this.#keepPicture();
    this.#again(this.#refusals === 1 ? 0 : 1000);
    this.#dropSegments();
  }

  /** Counts a session that has ended before its time; false if that happens again and again. */
  #refused(): boolean {
    this.#refusals += 1;
    if (this.#refusals <= mostRefusals) return true;
    this.#giveUp(new Problem(403, 'refused', t('player.errorRefused')));
    return false;
  }

  #keepPicture(): void {
    this.hold();
    this.held = this.video.videoWidth > 0 || this.held;
  }

  /** Playback goes on in other places, and not here. */
  #displaced(places: LiveSession[] | null): void {
    this.#stop();
    this.elsewhere = { places, began: this.#began };
  }

  #giveUp(problem: Problem): void {
    this.#stop();
    this.problem = problem;
  }

  #stop(): void {
    this.#generation += 1;
    this.#pausedAt = 0;
    this.video.pause();
    this.#drop();
    this.#stream = null;
    this.opening = false;
    this.reconnecting = false;
    this.away = false;
    this.held = false;
  }

  #drop(): void {
    clearTimeout(this.#timer);
    void this.#dropWhep();
    this.#dropSegments();
    this.video.srcObject = null;
    this.video.removeAttribute('src');
  }

  /** Resolves when the place of the session is free. */
  async #dropWhep(): Promise<void> {
    const whep = this.#whep;
    this.#whep = null;
    await whep?.close();
  }

  #dropSegments(): void {
    this.#stopBeat();
    this.#segments?.close();
    if (this.#segments !== null && this.#stream !== null && !this.#gone.signal.aborted) own.leave(this.#stream);
    if (this.#segments !== null) this.#stream = null;
    this.#segments = null;
  }

  /** The tab is closed, or shows another page: its place is free at once. */
  #leave(): void {
    this.#isAway = true;
    if (this.#stream !== null) own.end(this.#stream);
    this.#stream = null;
    this.#drop();
  }

  /** The browser shows a page again that it kept, and whose session has ended. */
  #comeBack(): void {
    this.#isAway = false;
    if (this.problem === null && this.elsewhere === null) void this.open();
  }
}

/** Whether the viewer may not watch. */
function isOver(problem: Problem): boolean {
  return problem.isBarred && problem.code !== 'not_live';
}
