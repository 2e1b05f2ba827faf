//! The rungs of a ladder: sizes, frame rates and bit rates that encoders, and the checks of their output, accept.

use crate::models::plan::Rung;
use crate::models::survey::SurveyVideo;
use contracts::RenditionName;

/// The highest rate of 1920 × 1080 at 30 frames a second, in bits a second; other sizes get their share by pixels.
const FULL_HD_CEILING: f64 = 6_000_000.0;
const FULL_HD_PIXELS: f64 = 1920.0 * 1080.0;
/// The power of the pixels to which the highest rate is proportional: smaller pictures need more bits a pixel.
const CEILING_EXPONENT: f64 = 0.75;
/// The smallest side that encoders accept.
const SMALLEST_SIDE: u32 = 16;
/// The most frames a second; a measured rate may be a little above the nominal one.
const FASTEST: f64 = 60.0;
const MEASURED: f64 = 0.5;
/// What level 5.1 allows: macroblocks of 16 × 16 pixels in a frame and in a second.
///
/// Source: ITU-T H.264 table A-1
const MOST_BLOCKS: u32 = 36_864;
const MOST_BLOCKS_A_SECOND: f64 = 983_040.0;
/// The longest side that level 5.1 allows: the root of eight times its macroblocks.
///
/// Source: ITU-T H.264 §A.3.1 f, g
const LONGEST_SIDE: u32 = 543 * 16;

/// The configured rungs below the picture, and one of its own size on top if it is no larger than the highest.
pub(super) fn all(video: &SurveyVideo, listed: &[u32]) -> Vec<Rung> {
    let size = (video.width, video.height);
    let short_side = video.width.min(video.height);
    let mut rungs = below(size, video.frame_rate, listed);
    if listed.last().is_none_or(|&cap| short_side <= cap) {
        let own = rung(short_side, size, video.frame_rate);
        // An odd size is cut to an even one, which may be configured.
        rungs.retain(|rung| (rung.width, rung.height) != (own.width, own.height));
        rungs.push(own);
    }
    fitting(rungs, size, video.frame_rate)
}

/// The configured rungs below a picture.
pub(super) fn below(size: (u32, u32), frame_rate: f64, listed: &[u32]) -> Vec<Rung> {
    let short_side = size.0.min(size.1);
    let sides = listed.iter().filter(|&&side| side < short_side);
    fitting(
        sides.map(|&side| rung(side, size, frame_rate)).collect(),
        size,
        frame_rate,
    )
}

/// Leaves out rungs that are too large for the highest level; the lowest stays, and is made smaller if it is too long.
fn fitting(mut rungs: Vec<Rung>, size: (u32, u32), frame_rate: f64) -> Vec<Rung> {
    let is_too_long = |rung: &Rung| rung.width.max(rung.height) > LONGEST_SIDE;
    let mut place = 0_usize;
    rungs.retain(|rung| {
        place += 1;
        place == 1 || blocks(rung.width, rung.height) <= MOST_BLOCKS && !is_too_long(rung)
    });
    if let Some(lowest) = rungs.first_mut().filter(|rung| is_too_long(rung)) {
        *lowest = longest(size, frame_rate);
    }
    rungs
}

fn blocks(width: u32, height: u32) -> u32 {
    width.div_ceil(16).saturating_mul(height.div_ceil(16))
}

/// The size of a picture whose short side is scaled to a length.
fn scaled(side: u32, (width, height): (u32, u32)) -> (u32, u32) {
    let short = width.min(height).max(1);
    let scaled = |length: u32| {
        let exact = (u64::from(length) * u64::from(side) + u64::from(short) / 2) / u64::from(short);
        let even = u32::try_from(exact).unwrap_or(u32::MAX) & !1;
        even.max(SMALLEST_SIDE)
    };
    (scaled(width), scaled(height))
}

fn rung(side: u32, size: (u32, u32), source_rate: f64) -> Rung {
    of_size(side, scaled(side, size), source_rate)
}

/// The rung of a picture as long as the highest level allows.
fn longest((width, height): (u32, u32), source_rate: f64) -> Rung {
    let (short, long) = (width.min(height), width.max(height).max(1));
    let side = u64::from(short) * u64::from(LONGEST_SIDE) / u64::from(long);
    let side = u32::try_from(side).unwrap_or(u32::MAX).max(1);
    let (across, down) = scaled(side, (width, height));
    of_size(side, (across.min(LONGEST_SIDE), down.min(LONGEST_SIDE)), source_rate)
}

fn of_size(side: u32, (across, down): (u32, u32), source_rate: f64) -> Rung {
    let frame_rate = thinned(
        source_rate,
        FASTEST.min(MOST_BLOCKS_A_SECOND / f64::from(blocks(across, down))),
    );
    let share = f64::from(across) * f64::from(down) / FULL_HD_PIXELS;
    let faster = (frame_rate / 30.0).clamp(1.0, 2.0).sqrt();
    let ceiling = FULL_HD_CEILING * share.powf(CEILING_EXPONENT) * faster;
    Rung {
        name: RenditionName::rung(side),
        width: across,
        height: down,
        frame_rate,
        thinned: Some(frame_rate < source_rate),
        bit_rate: whole(ceiling.clamp(64_000.0, 50_000_000.0)) / 1000 * 1000,
        crf: if side >= 720 { 23 } else { 22 },
    }
}

/// The highest whole fraction of a rate that is within a limit: every second, third, … frame.
fn thinned(rate: f64, limit: f64) -> f64 {
    let part = (rate / (limit + MEASURED)).ceil().max(1.0);
    // To three decimals, as rates are measured.
    if part > 1.0 {
        (rate / part * 1_000.0).floor() / 1_000.0
    } else {
        rate
    }
}

/// A number within 32 bits without its fraction.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the caller has clamped it to what fits"
)]
fn whole(number: f64) -> u32 {
    number as u32
}
