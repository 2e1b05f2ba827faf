//! Reads the output of ffmpeg's `-progress`: lines of `name=value`, in blocks that end with `progress=`.

/// The longest line that is read; ffmpeg's lines are shorter.
const LONGEST: usize = 1_024;

/// The progress of a run of ffmpeg.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EncoderProgress {
    /// The end of the output so far; with `-copyts` it counts from the input's zero.
    ///
    /// Units: microseconds; 0 while there is no output
    pub out_time: u64,
    /// Frames encoded.
    pub frames: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Seconds of output per second, if ffmpeg reports it.
    pub speed: Option<f64>,
}

/// A report, and whether it shows any progress.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Report {
    pub(super) progress: EncoderProgress,
    pub(super) further: bool,
}

/// Joins chunks to lines, and lines to reports.
#[derive(Debug, Default)]
pub(super) struct ProgressReader {
    line: Vec<u8>,
    too_long: bool,
    next: EncoderProgress,
    last: EncoderProgress,
}

impl ProgressReader {
    pub(super) fn push(&mut self, chunk: &[u8]) -> Vec<Report> {
        let mut reports = Vec::new();
        for &byte in chunk {
            if byte == b'\n' {
                reports.extend(self.take_line());
            } else if self.line.len() < LONGEST {
                self.line.push(byte);
            } else {
                self.too_long = true;
            }
        }
        reports
    }

    fn take_line(&mut self) -> Option<Report> {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.too_long) {
            return None;
        }
        let (name, value) = std::str::from_utf8(&line).ok()?.split_once('=')?;
        let value = value.trim();
        match name {
            // "N/A" and times before zero change nothing.
            "out_time_us" => self.next.out_time = value.parse().unwrap_or(self.next.out_time),
            "frame" => self.next.frames = value.parse().unwrap_or(self.next.frames),
            "total_size" => self.next.bytes = value.parse().unwrap_or(self.next.bytes),
            "speed" => self.next.speed = value.trim_end_matches('x').parse().ok(),
            "progress" => return Some(self.report()),
            _ => {}
        }
        None
    }

    fn report(&mut self) -> Report {
        let EncoderProgress {
            out_time,
            frames,
            bytes,
            ..
        } = self.last;
        let further = self.next.out_time > out_time || self.next.frames > frames || self.next.bytes > bytes;
        self.last = self.next;
        Report {
            progress: self.next,
            further,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Output of ffmpeg 5.1.
    const WRITTEN: &str = "frame=0\nfps=0.00\nstream_0_0_q=0.0\nbitrate=N/A\ntotal_size=44\nout_time_us=N/A\n\
        out_time_ms=N/A\nout_time=N/A\ndup_frames=0\ndrop_frames=0\nspeed=N/A\nprogress=continue\n\
        frame=60\nfps=0.00\nstream_0_0_q=23.0\nbitrate= 120.4kbits/s\ntotal_size=44\nout_time_us=1960000\n\
        out_time_ms=1960000\nout_time=00:00:01.960000\ndup_frames=0\ndrop_frames=0\nspeed=3.91x\nprogress=continue\n\
        frame=60\nfps=0.00\ntotal_size=44\nout_time_us=1960000\nspeed=3.11x\nprogress=continue\n";

    #[test]
    fn reports_are_the_same_however_the_lines_are_cut() {
        let progress = EncoderProgress {
            out_time: 1_960_000,
            frames: 60,
            bytes: 44,
            speed: Some(3.91),
        };
        for size in [1, 7, 64, WRITTEN.len()] {
            let mut reader = ProgressReader::default();
            let reports: Vec<_> = WRITTEN.as_bytes().chunks(size).flat_map(|it| reader.push(it)).collect();
            let [begun, further, same] = reports.as_slice() else {
                panic!("{reports:?}");
            };
            assert_eq!((begun.progress.out_time, begun.progress.speed), (0, None));
            assert_eq!((further.progress, further.further), (progress, true));
            assert_eq!((same.progress.out_time, same.further), (1_960_000, false));
        }
    }

    #[test]
    fn endless_lines_use_no_memory_and_change_nothing() {
        let mut reader = ProgressReader::default();
        for _ in 0..1_000 {
            assert!(reader.push(&[b'x'; 1_000]).is_empty());
        }
        assert!(reader.line.capacity() <= 2 * LONGEST);
        let reports = reader.push(b"\nout_time_us=-5\nframe=2\nprogress=end\n");
        assert_eq!(reports.len(), 1);
        assert_eq!((reports[0].progress.out_time, reports[0].progress.frames), (0, 2));
    }
}
