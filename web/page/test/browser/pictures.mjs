/**
 * From now on, counts the pictures of tracks that a page takes or makes and lets go without closing them; until they are
 * collected, they keep memory of the camera and the encoder. Returns the function that says how many were lost until now.
 */
export async function countLostPictures(page) {
  await page.evaluate(() => {
    const lost = { pictures: 0, others: 0 };
    const known = new WeakMap();
    const collected = new FinalizationRegistry((picture) => {
      if (picture === null) lost.others += 1;
      else if (!picture.isClosed) lost.pictures += 1;
    });
    const note = (frame) => {
      const picture = { isClosed: false };
      known.set(frame, picture);
      collected.register(frame, picture);
    };
    const close = (frame) => known.has(frame) && (known.get(frame).isClosed = true);
    const { VideoFrame: Frame, ReadableStreamDefaultReader: Reader, WritableStreamDefaultWriter: Writer } = window;
    const { close: closeFrame } = Frame.prototype;
    const { read } = Reader.prototype;
    const { write } = Writer.prototype;
    window.VideoFrame = new Proxy(Frame, {
      construct(target, values) {
        const frame = new target(...values);
        note(frame);
        return frame;
      },
    });
    Frame.prototype.close = function () {
      close(this);
      return closeFrame.call(this);
    };
    Reader.prototype.read = async function () {
      const result = await read.call(this);
      if (result.value instanceof Frame) note(result.value);
      return result;
    };
    // A track that has taken a picture closes it.
    Writer.prototype.write = async function (frame) {
      await write.call(this, frame);
      close(frame);
    };
    window.lostPictures = lost;
    window.loseAnother = () => collected.register({}, null);
  });
  return async () => {
    const devtools = await page.context().newCDPSession(page);
    const before = await page.evaluate(() => {
      window.loseAnother();
      return window.lostPictures.others;
    });
    // The page is told some time after the collection.
    for (let left = 100; left > 0; left -= 1) {
      await devtools.send('HeapProfiler.collectGarbage');
      const { pictures, others } = await page.evaluate(() => window.lostPictures);
      if (others > before) return pictures;
      await page.waitForTimeout(50);
    }
    throw new Error('nothing is collected');
  };
}
