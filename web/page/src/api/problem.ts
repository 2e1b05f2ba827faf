import { t } from '../i18n/text';

interface ProblemDocument {
  detail?: string;
  title?: string;
  code?: string;
  request_id?: string;
  errors?: { field: string; message: string }[];
}

/** Why a request failed, in words that can be shown. */
export class Problem extends Error {
  constructor(
    /** The HTTP status; 0 when no answer came. */
    readonly status: number,
    /** The server's stable code, or `network`. */
    readonly code: string,
    detail: string,
    /** What is wrong with which field of the request. */
    readonly fields: Readonly<Record<string, string>> = {},
    /** The server's name for the request, for its operator. */
    readonly requestId: string | null = null,
  ) {
    super(detail);
  }

  /** The problem that no answer came. */
  static network(): Problem {
    return new Problem(0, 'network', t('problem.network'));
  }

  /** The problem that an answer tells: a problem document, or failing that its status. */
  static from(status: number, body: unknown): Problem {
    const document = (typeof body === 'object' && body !== null ? body : {}) as ProblemDocument;
    const fields = Object.fromEntries((document.errors ?? []).map(({ field, message }) => [field, sentence(message)]));
    const detail = document.detail ?? document.title ?? t('problem.unexpected', { status });
    return new Problem(status, document.code ?? 'unexpected', sentence(detail), fields, document.request_id ?? null);
  }

  /** The problem that a body in text form tells. */
  static parse(status: number, text: string): Problem {
    try {
      return Problem.from(status, JSON.parse(text));
    } catch {
      return Problem.from(status, null);
    }
  }

  /** Whatever was thrown, as a problem. */
  static of(thrown: unknown): Problem {
    if (thrown instanceof Problem) return thrown;
    // fetch tells a lost connection as a TypeError.
    if (thrown instanceof TypeError) return Problem.network();
    return new Problem(0, 'unexpected', thrown instanceof Error ? thrown.message : String(thrown));
  }
}

/** The server writes for programs and logs, without capital and full stop. */
function sentence(text: string): string {
  const trimmed = text.trim();
  const start = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(start) ? start : `${start}.`;
}

/** An answer of the typed client. */
interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of a good answer; every other answer is thrown as a problem. */
export async function body<T>(answer: Promise<Answer<T>>): Promise<T> {
  let told: Answer<T>;
  try {
    told = await answer;
  } catch (thrown) {
    throw Problem.of(thrown);
  }
  if (!told.response.ok) throw Problem.from(told.response.status, told.error);
  return told.data as T;
}
