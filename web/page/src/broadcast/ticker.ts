import address from './ticker.worker?worker&url';

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

/** The page's policy takes workers from the page's own files alone, and only by this name. */
const trusted = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy('moocflix-worker', {
  createScriptURL(url) {
    if (url !== address) throw new TypeError('this is no script of the page');
    return url;
  },
});

/** Calls a function at a steady rate, also while the tab is in the background; returns the function that stops it. */
export function tick(perSecond: number, act: () => void): () => void {
  const worker = new Worker(trusted?.createScriptURL(address) ?? address, { type: 'module' });
  worker.onmessage = () => {
    act();
    worker.postMessage(null);
  };
  worker.postMessage(1000 / perSecond);
  return () => worker.terminate();
}
