//! Sound that changes its form in the middle of a file.

use anyhow::{Context, Result, ensure};
use e2e::media::{self, flashes};
use e2e::server::Start;
use e2e::stage::scenario;
use e2e::tools::report;

/// Six seconds with a beep each two seconds, which begin at a time of the file's clock.
async fn part(name: &str, begin: &str, sound: &[&str]) -> Result<Vec<u8>> {
    let beeps = "aevalsrc='0.6*sin(2*PI*1000*t)*lt(mod(t,2),0.1)':s=48000:d=6";
    let picture = "color=black:size=320x180:rate=30:duration=6";
    let mut arguments = vec!["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", beeps];
    arguments.extend([
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        "-g",
        "60",
    ]);
    arguments.extend(sound);
    arguments.extend(["-output_ts_offset", begin]);
    Ok(std::fs::read(media::make(name, &arguments).await?)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_that_changes_its_form_stays_in_step_and_is_as_long_as_the_lecture() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        for (number, (codec, first, second)) in (1..).zip([
            ("ac3", ["-ac", "2", "-ar", "48000"], ["-ac", "6", "-ar", "48000"]),
            ("aac", ["-ac", "1", "-ar", "48000"], ["-ac", "2", "-ar", "48000"]),
            ("aac", ["-ac", "2", "-ar", "44100"], ["-ac", "2", "-ar", "48000"]),
        ]) {
            let sound = |form: [&'static str; 4]| [&["-c:a", codec][..], &form].concat();
            let mut bytes = part(&format!("first-{number}.ts"), "0", &sound(first)).await?;
            bytes.extend(part(&format!("second-{number}.ts"), "6", &sound(second)).await?);
            let id = stage.api.upload(bytes, &owner.token).await?;
            let video = stage.api.becomes(&id, &owner.token, &["ready"]).await?;
            let lasts = video["duration"].as_f64().context("a duration")?;
            let session = stage.api.session(&id, &owner.token).await?;
            let url = format!("{}{}", stage.server.url(), session.hls_url);
            let beeps = flashes::beeps(&url, "a:0", &[]).await?;
            report(format!("{codec}: {lasts} s, beeps at {beeps:?}"));
            ensure!((lasts - 12.0).abs() < 0.2, "{codec}: {lasts} s");
            ensure!(beeps.len() == 6, "{codec}: {beeps:?}");
            for (number, beep) in (0..).zip(&beeps) {
                let expected = beeps[0] + 2.0 * f64::from(number);
                ensure!(
                    (beep - expected).abs() < 0.04,
                    "{codec}: {beep} is not {expected}: {beeps:?}"
                );
            }
        }
        Ok(())
    })
    .await
}
