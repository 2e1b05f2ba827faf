import { createContext, onMount } from 'svelte';

interface Changing {
  readonly changed: boolean;
}

/** The fields of the course builder, of which some may hold what is not saved yet. */
export class Unsaved {
  #fields = $state.raw<readonly Changing[]>([]);

  /** Whether something was typed that is not saved. */
  get any(): boolean {
    return this.#fields.some((field) => field.changed);
  }

  /** Adds a field; returns the function that removes it with its component. */
  add(field: Changing): () => void {
    this.#fields = [...this.#fields, field];
    return () => (this.#fields = this.#fields.filter((each) => each !== field));
  }
}

const [unsaved, share] = createContext<Unsaved>();

/** The builder shares it with the fields that it contains. */
export const shareUnsaved = share;

/** Adds a field of the component that calls this to those of the builder. */
export function track(field: Changing): void {
  const all = unsaved();
  onMount(() => all.add(field));
}
