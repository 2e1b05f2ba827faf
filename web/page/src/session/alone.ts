/** Runs work while no other tab runs work of this name. */
export async function alone<T>(name: string, work: () => Promise<T>): Promise<T> {
  // Locks exist only in secure contexts; on plain http the server's grace for a used token has to do.
  if (!('locks' in navigator) || navigator.locks === undefined) return work();
  return (await navigator.locks.request(name, work)) as T;
}
