//! ffmpeg and ffprobe under the real guard, `moocflix encoder-child`.

#[cfg(test)]
mod progress;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod survey;
