import { known, t } from '../i18n/text';

interface ProblemDocument {
  detail?: string;
  title?: string;
  code?: string;
  request_id?: string;
  errors?: { field: string; message: string }[];
}

/** Why a request failed, in words that the page can show. */
export class Problem extends Error {
  constructor(
    /** The HTTP status; 0 if there was no response. */
    readonly status: number,
    /** The server's stable code, or `network`. */
    readonly code: string,
    detail: string,
    /** A message for each invalid field of the request. */
    readonly fields: Readonly<Record<string, string>> = {},
    /** The request's id in the server's logs, for the operator. */
    readonly requestId: string | null = null,
    /** When the request may succeed, in milliseconds since 1970, if the server knows. */
    readonly againAt: number | null = null,
    /** What else the problem document says. */
    readonly document: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail);
  }

  /** Whether the server asked for a recent sign-in, and the user declined to confirm their identity. */
  get isDeclined(): boolean {
    return this.code === 'reauthentication_required';
  }

  /** Whether the user may not see what was asked for, or it is gone. */
  get isBarred(): boolean {
    return [401, 403, 404, 410].includes(this.status);
  }

  /** The problem for a request without a response. */
  static network(): Problem {
    return new Problem(0, 'network', t('problem.network'));
  }

  /** The problem in a response: its problem document or, without one, its status. */
  static from(status: number, body: unknown, retryAfter: string | null = null): Problem {
    const document = (typeof body === 'object' && body !== null ? body : {}) as ProblemDocument;
    const fields = Object.fromEntries((document.errors ?? []).map(({ field, message }) => [field, sentence(message)]));
    const code = document.code ?? 'unexpected';
    const detail = known(`code.${code}`) ?? document.detail ?? document.title ?? t('problem.unexpected', { status });
    const seconds = Number.parseInt(retryAfter ?? '', 10);
    const againAt = Number.isFinite(seconds) ? Date.now() + seconds * 1000 : null;
    return new Problem(status, code, sentence(detail), fields, document.request_id ?? null, againAt, { ...document });
  }

  /** The problem in a response body that is still text. */
  static parse(status: number, text: string, retryAfter: string | null = null): Problem {
    try {
      return Problem.from(status, JSON.parse(text), retryAfter);
    } catch {
      return Problem.from(status, null, retryAfter);
    }
  }

  /** Turns any thrown value into a problem. */
  static of(thrown: unknown): Problem {
    if (thrown instanceof Problem) return thrown;
    // fetch reports a lost connection as a TypeError.
    if (thrown instanceof TypeError) return Problem.network();
    return new Problem(0, 'unexpected', thrown instanceof Error ? thrown.message : String(thrown));
  }
}

/** Adds the capital and the full stop that the server's messages lack. */
function sentence(text: string): string {
  const trimmed = text.trim();
  const start = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(start) ? start : `${start}.`;
}

/** A response of the typed client. */
interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Returns the body of a successful response and throws a problem for any other. */
export async function body<T>(answer: Promise<Answer<T>>): Promise<T> {
  return (await whole(answer)).data;
}

/** The same, with the response's `ETag`. */
export async function whole<T>(answer: Promise<Answer<T>>): Promise<{ data: T; etag: string | null }> {
  let result: Answer<T>;
  try {
    result = await answer;
  } catch (thrown) {
    throw Problem.of(thrown);
  }
  if (!result.response.ok) {
    throw Problem.from(result.response.status, result.error, result.response.headers.get('Retry-After'));
  }
  return { data: result.data as T, etag: result.response.headers.get('ETag') };
}
