//! One child of ffmpeg after the other, as long as there are frames for it.

use super::{Encoders, Sink};
use bytes::{Buf, Bytes, BytesMut};
use live::Frame;
use sandbox::staging::TaskFolder;
use sandbox::{Inlet, Limits, Order, RunError, Running};
use std::ffi::OsString;
use std::marker::PhantomData;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// Where a child reads.
const PIPE: &str = "input";
/// Ahead of encoders of stored lectures, behind those that serve viewers.
const NICE: u8 = 5;
/// The memory of a child: a decoder of pictures in 4K takes a third of it.
const MEMORY: u64 = 1 << 30;
/// A child writes to pipes alone.
const FILE_SIZE: u64 = 1 << 20;
/// The first pause before a child that has failed is started again, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Frames that may wait for a child that runs: viewers would see more than two seconds too late.
const MOST_BEHIND: usize = 90;
/// How long a child may take to catch up with the frames that it begins with.
const CATCHING_UP: Duration = Duration::from_secs(8);
/// A child that has run so long has started well.
const LASTING: Duration = Duration::from_secs(30);

/// What a child is for: how frames are written for it, and what it makes of them.
pub(super) trait Translation: Sized + Send {
    /// The name in logs and metrics.
    const NAME: &'static str;
    /// Frames that the child reads at once: each time that it wakes costs as much as a frame of sound.
    const AT_ONCE: u32;

    /// Begins with the format of a frame; also returns what the child reads first.
    ///
    /// Shape: none for a format that it does not take
    fn begin(first: &Frame) -> Option<(Self, Bytes)>;

    /// ffmpeg's arguments for input at a path and output to standard output.
    fn arguments(&self, input: &Path) -> Vec<OsString>;

    /// What the child reads for a frame.
    fn write(&mut self, frame: &Frame) -> Option<Bytes>;

    /// The frames that are complete with what the child has written.
    ///
    /// Errors: in words, if the child writes something else
    fn read(&mut self, output: &[u8]) -> Result<Vec<Frame>, String>;
}

/// Runs children of one kind for one publisher.
pub(super) struct Encoding<T> {
    encoders: Encoders,
    sink: Sink,
    translation: PhantomData<fn() -> T>,
}

/// Why a child is over.
enum Over {
    /// There will be no more frames.
    Done,
    /// The format has changed; the frame is the first of the new one.
    Changed(Frame),
    /// The child has failed.
    Failed(String),
}

impl<T: Translation> Encoding<T> {
    pub(super) fn new(encoders: &Encoders, sink: Sink) -> Self {
        Self {
            encoders: encoders.clone(),
            sink,
            translation: PhantomData,
        }
    }

    pub(super) async fn run(self, mut frames: Receiver<Frame>) {
        let mut next = None;
        let mut pause = PAUSES.0;
        loop {
            let first = match next.take() {
                Some(frame) => frame,
                None => match frames.recv().await {
                    Some(frame) => frame,
                    None => return,
                },
            };
            // Nothing before a key frame can be decoded.
            if !first.key {
                continue;
            }
            let begun = Instant::now();
            match self.one(first, &mut frames).await {
                Over::Done => return,
                Over::Changed(frame) => next = Some(frame),
                Over::Failed(reason) => {
                    metrics::counter!(crate::metric::ENCODERS_FAILED, "kind" => T::NAME).increment(1);
                    tracing::warn!(encoder = T::NAME, %reason, "an encoder of a live lecture ended: it is started again");
                    pause = if begun.elapsed() > LASTING {
                        PAUSES.0
                    } else {
                        (pause * 2).min(PAUSES.1)
                    };
                    sleep(pause).await;
                    // What has waited meanwhile is old.
                    while frames.try_recv().is_ok() {}
                }
            }
        }
    }

    /// Runs one child.
    async fn one(&self, first: Frame, frames: &mut Receiver<Frame>) -> Over {
        let Some((mut translation, head)) = T::begin(&first) else {
            return Over::Failed("it does not take this format".to_owned());
        };
        let mut child = match Child::start(&self.encoders, &translation) {
            Ok(child) => child,
            Err(error) => return Over::Failed(error.to_string()),
        };
        let mut waiting = BytesMut::from(&head[..]);
        waiting.extend_from_slice(&translation.write(&first).unwrap_or_default());
        let mut gathered = if waiting.is_empty() { 0 } else { T::AT_ONCE };
        let begun = Instant::now();
        let mut last_input = begun;
        let mut awaits_key = false;
        loop {
            tokio::select! {
                output = child.running.next() => match output {
                    Ok(Some(output)) => match translation.read(&output) {
                        Ok(made) => made.into_iter().for_each(&self.sink),
                        Err(reason) => return Over::Failed(reason),
                    },
                    Ok(None) => return Over::Failed("it ended".to_owned()),
                    // Without sound or pictures there is nothing to do; the next frame starts a new child.
                    Err(RunError::Stalled) if last_input.elapsed() > LASTING / 6 => match frames.recv().await {
                        Some(frame) => return Over::Changed(frame),
                        None => return Over::Done,
                    },
                    Err(error) => return Over::Failed(error.to_string()),
                },
                written = child.inlet.write(&mut waiting), if gathered >= T::AT_ONCE => match written {
                    Ok(_) if waiting.has_remaining() => {}
                    Ok(_) => gathered = 0,
                    Err(error) => return Over::Failed(error.to_string()),
                },
                frame = frames.recv(), if gathered < T::AT_ONCE => {
                    let Some(frame) = frame else {
                        return Over::Done;
                    };
                    if frame.format != first.format {
                        return Over::Changed(frame);
                    }
                    last_input = Instant::now();
                    if frames.len() > MOST_BEHIND && begun.elapsed() > CATCHING_UP {
                        awaits_key = true;
                        while frames.try_recv().is_ok() {}
                        continue;
                    }
                    awaits_key &= !frame.key;
                    if awaits_key {
                        continue;
                    }
                    if let Some(bytes) = translation.write(&frame) {
                        waiting.extend_from_slice(&bytes);
                        gathered += 1;
                    }
                }
            }
        }
    }
}

/// A running child. Dropping it ends the child, then removes its folder.
struct Child {
    running: Running,
    inlet: Inlet,
    _folder: TaskFolder,
}

impl Child {
    fn start(encoders: &Encoders, translation: &impl Translation) -> Result<Self, RunError> {
        let folder = encoders.staging.task(Uuid::now_v7())?;
        let inlet = Inlet::make(&folder.path().join(PIPE))?;
        let order = Order {
            tool: "ffmpeg".into(),
            args: translation.arguments(inlet.path()),
            folder: folder.path().to_owned(),
            reads: vec![inlet.path().to_owned()],
            writes: Vec::new(),
            limits: Limits {
                memory: MEMORY,
                file_size: FILE_SIZE,
                cpu: None,
                nice: NICE,
            },
        };
        Ok(Self {
            running: encoders.sandbox.start(&order)?,
            inlet,
            _folder: folder,
        })
    }
}
