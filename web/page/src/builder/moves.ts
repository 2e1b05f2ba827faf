/** A module with its items, as far as their order matters. */
export interface Part {
  id: string;
  items: { id: string }[];
}

/** Where an item stands: its module, and its place in it. */
export interface Spot {
  module: string;
  index: number;
}

export function spotOf<M extends Part>(modules: M[], item: string): Spot | null {
  for (const module of modules) {
    const index = module.items.findIndex((each) => each.id === item);
    if (index >= 0) return { module: module.id, index };
  }
  return null;
}

/** Puts an item before the one that stands at a spot now; null if it stays where it is. */
export function moveItem<M extends Part>(modules: M[], item: string, to: Spot): M[] | null {
  const from = spotOf(modules, item);
  const target = modules.find((module) => module.id === to.module);
  if (from === null || target === undefined) return null;
  const isSame = from.module === to.module;
  // Without the item itself, what comes after it moves up.
  const index = isSame && to.index > from.index ? to.index - 1 : to.index;
  if (isSame && index === from.index) return null;
  const moved = modules.find((module) => module.id === from.module)?.items[from.index];
  if (moved === undefined) return null;
  return modules.map((module) => {
    if (module.id !== from.module && module.id !== to.module) return module;
    const items = module.items.filter((each) => each.id !== item);
    if (module.id === to.module) items.splice(index, 0, moved);
    return { ...module, items };
  });
}

/** Moves an item by one place: at the edge of its module into the neighbouring one; null at the edge of the course. */
export function stepItem<M extends Part>(modules: M[], item: string, by: 1 | -1): M[] | null {
  const from = spotOf(modules, item);
  if (from === null) return null;
  const at = modules.findIndex((module) => module.id === from.module);
  const here = modules[at] as M;
  const index = from.index + by;
  if (index >= 0 && index < here.items.length) {
    return moveItem(modules, item, { module: from.module, index: by > 0 ? index + 1 : index });
  }
  const there = modules[at + by];
  if (there === undefined) return null;
  return moveItem(modules, item, { module: there.id, index: by > 0 ? 0 : there.items.length });
}

/** Puts a module before the one that stands at an index now; null if it stays where it is. */
export function moveModule<M extends Part>(modules: M[], id: string, to: number): M[] | null {
  const from = modules.findIndex((module) => module.id === id);
  const index = to > from ? to - 1 : to;
  if (from < 0 || index === from || index < 0 || index >= modules.length) return null;
  const rest = modules.filter((module) => module.id !== id);
  rest.splice(index, 0, modules[from] as M);
  return rest;
}

export function stepModule<M extends Part>(modules: M[], id: string, by: 1 | -1): M[] | null {
  const from = modules.findIndex((module) => module.id === id);
  return from < 0 ? null : moveModule(modules, id, by > 0 ? from + 2 : from - 1);
}
