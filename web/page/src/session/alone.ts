/** Runs work while no other tab runs work of this name. */
export async function alone<T>(name: string, work: () => Promise<T>): Promise<T> {
  // Locks exist only in secure contexts; on plain http the server's grace period for a used token must suffice.
  const locks = navigator.locks as LockManager | null | undefined;
  if (!locks) return work();
  return (await locks.request(name, work)) as T;
}
