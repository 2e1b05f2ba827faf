import type { Spot } from './moves';

const edge = 70;
const scrollBy = 12;

/** What is dragged in an outline, and where it would be dropped. Works with every pointer: mouse, finger, pen. */
export class Drag {
  /** The dragged item or module. */
  what = $state.raw<{ kind: 'item' | 'module'; id: string } | null>(null);
  /** Where it would be dropped; of a module, only the index counts. */
  spot = $state.raw<Spot | null>(null);

  constructor(
    private readonly ondropItem: (id: string, spot: Spot) => void,
    private readonly ondropModule: (id: string, index: number) => void,
  ) {}

  /** Begins to drag; the page marks modules with `data-module`, items with `data-item`, both with `data-index`. */
  start(event: PointerEvent, kind: 'item' | 'module', id: string): void {
    if (event.button !== 0 || !(event.currentTarget instanceof HTMLElement)) return;
    event.preventDefault();
    const handle = event.currentTarget;
    const over = new AbortController();
    const { signal } = over;
    handle.setPointerCapture(event.pointerId);
    this.what = { kind, id };
    const end = (isDropped: boolean) => {
      over.abort();
      const { what, spot } = this;
      this.what = null;
      this.spot = null;
      if (!isDropped || what === null || spot === null) return;
      if (kind === 'item') this.ondropItem(id, spot);
      else this.ondropModule(id, spot.index);
    };
    handle.addEventListener('pointermove', (moved) => this.#move(moved), { signal });
    handle.addEventListener('pointerup', () => end(true), { signal });
    handle.addEventListener('pointercancel', () => end(false), { signal });
    document.addEventListener(
      'keydown',
      (pressed) => {
        if (pressed.key !== 'Escape') return;
        pressed.preventDefault();
        end(false);
      },
      { signal },
    );
  }

  /** Whether the drop would be right before this place. */
  isBefore(module: string, index: number): boolean {
    return this.what?.kind === 'item' && this.spot?.module === module && this.spot.index === index;
  }

  isBeforeModule(index: number): boolean {
    return this.what?.kind === 'module' && this.spot?.index === index;
  }

  #move(event: PointerEvent): void {
    if (event.clientY < edge) window.scrollBy(0, -scrollBy);
    else if (event.clientY > window.innerHeight - edge) window.scrollBy(0, scrollBy);
    const under = document.elementFromPoint(event.clientX, event.clientY);
    const module = under?.closest<HTMLElement>('[data-module]');
    if (!module) return;
    if (this.what?.kind === 'module') {
      this.spot = { module: module.dataset['module'] ?? '', index: indexAt(module, event.clientY) };
      return;
    }
    const item = under?.closest<HTMLElement>('[data-item]');
    const rows = module.querySelectorAll('[data-item]').length;
    const head = module.querySelector('[data-item]')?.getBoundingClientRect().top ?? 0;
    const index = item ? indexAt(item, event.clientY) : event.clientY < head ? 0 : rows;
    this.spot = { module: module.dataset['module'] ?? '', index };
  }
}

/** The index before or after an element, whichever edge is nearer. */
function indexAt(element: HTMLElement, y: number): number {
  const box = element.getBoundingClientRect();
  return Number(element.dataset['index']) + (y > box.top + box.height / 2 ? 1 : 0);
}
