// A tab in the background gets one timer a second; a worker keeps its rhythm, so that a lecture goes on while its
// teacher looks at the slides.
let timer: ReturnType<typeof setInterval> | undefined;
/** Whether the page has drawn the last picture: on a slow computer the next one waits, so that the page still answers. */
let isFree = true;

/** The time between two ticks begins it; `null` says that the last one was handled. */
self.onmessage = ({ data }: MessageEvent<number | null>) => {
  isFree = true;
  if (data === null) return;
  clearInterval(timer);
  timer = setInterval(() => {
    if (!isFree) return;
    isFree = false;
    self.postMessage(null);
  }, data);
};
