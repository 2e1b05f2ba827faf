//! ffmpeg's progress, followed while it runs.

use super::stage::{SOON, Stage, sandbox};
use sandbox::{Layer, Limits, Order, RunError};
use std::time::Duration;
use transcoding_jobs::encoder::run;

fn order(stage: &Stage, tool: &str, args: &[&str]) -> Order {
    let folder = stage.task.path().to_owned();
    Order {
        tool: tool.into(),
        args: args.iter().map(Into::into).collect(),
        reads: Vec::new(),
        writes: vec![folder.clone()],
        folder,
        limits: Limits::default(),
    }
}

#[tokio::test]
async fn progress_grows_to_the_end_of_a_good_run() {
    let stage = Stage::set();
    let args: Vec<_> =
        "-nostdin -v error -progress pipe:1 -stats_period 0.1 -f lavfi -i testsrc2=size=320x180:rate=30 \
        -c:v libx264 -preset ultrafast -g 30 -f mp4 -movflags frag_keyframe -t 20 240p.mp4"
            .split_whitespace()
            .collect();
    let mut reports = Vec::new();
    run(
        &sandbox(Duration::from_secs(60)),
        &order(&stage, "ffmpeg", &args),
        |progress| reports.push(progress),
    )
    .await
    .unwrap();
    assert!(reports.windows(2).all(|two| two[0].out_time <= two[1].out_time));
    let last = reports.last().unwrap();
    assert!(
        last.out_time > 19_900_000 && last.frames == 600 && last.bytes > 0,
        "{last:?}"
    );
    assert!(last.speed.is_some());
}

#[tokio::test]
async fn repeated_reports_are_no_progress() {
    let stage = Stage::set();
    let endless = "while :; do echo out_time_us=5; echo progress=continue; sleep 0.05; done";
    let order = order(&stage, "sh", &["-c", endless]);
    // In its cage, a shell starts no programs.
    let sandbox = sandbox(Duration::from_millis(500)).without(Layer::ALL);
    let ended = tokio::time::timeout(SOON, run(&sandbox, &order, |_| {})).await;
    assert!(matches!(ended, Ok(Err(RunError::Stalled))), "{ended:?}");
}
