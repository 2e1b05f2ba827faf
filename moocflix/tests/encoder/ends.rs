//! However one of worker, guard and encoder ends, the others do not outlive it and nothing is left.

use super::stage::{PROGRAM, SOON, Stage, encoder, endless, gone, names, pair, processes, shell, signal};
use rustix::process::{Pid, Signal, test_kill_process};
use std::fs;
use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use transcoding_jobs::encoder::{EncoderError, Tool};

const PATIENT: Duration = Duration::from_secs(60);

/// A worker that is nothing but that: it holds its folder's lock and the guard's standard input.
const WORKER: &str = "mkfifo \"$0/life\"; exec 4< \"$0/staging/$1\"; flock 4; shift; \
    \"$@\" < \"$0/life\" 4<&- & exec 3> \"$0/life\"; wait";

/// What the worker's death leaves, looked at until it is as wanted.
fn until(what: &str, within: Duration, so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < within, "not {what} within {within:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_killed_worker_takes_its_encoder_and_its_staging_folder_along_within_a_second() {
    let data = tempfile::tempdir().unwrap();
    let id = uuid::Uuid::now_v7().to_string();
    let task = data.path().join("staging").join(&id).join("task");
    fs::create_dir_all(&task).unwrap();
    let mut worker = Command::new("sh")
        .args(["-c", WORKER])
        .arg(data.path())
        .arg(&id)
        .arg(PROGRAM)
        .args([
            "encoder-child",
            "--memory",
            "8589934592",
            "--file-size",
            "8589934592",
            "--folder",
        ])
        .arg(&task)
        .args(["--", "ffmpeg"])
        .args(endless(&task))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (guard, tool) = pair(&task);
    assert_eq!(guard.group, guard.pid, "the guard has no group of its own");
    assert_eq!(tool.group, guard.pid, "the encoder is in another group");
    worker.kill().unwrap();
    let killed = Instant::now();
    until("all gone", Duration::from_secs(1), || {
        let alive = |pid| test_kill_process(Pid::from_raw(pid).unwrap()).is_ok() && !processes(&task).is_empty();
        !alive(guard.pid) && !alive(tool.pid) && !task.exists()
    });
    worker.wait().unwrap();
    until("the worker's folder gone", Duration::from_secs(1), || {
        names(&data.path().join("staging")).is_empty()
    });
    assert!(killed.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_folder_that_was_put_in_the_place_of_the_staging_folder_is_left_alone() {
    let data = tempfile::tempdir().unwrap();
    let (task, aside) = (data.path().join("task"), data.path().join("aside"));
    fs::create_dir(&task).unwrap();
    let mut guard = Command::new(PROGRAM)
        .args([
            "encoder-child",
            "--memory",
            "8589934592",
            "--file-size",
            "8589934592",
            "--folder",
        ])
        .arg(&task)
        .args(["--", "ffmpeg"])
        .args(endless(&task))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    pair(&task);
    fs::rename(&task, &aside).unwrap();
    fs::create_dir(&task).unwrap();
    fs::write(task.join("precious"), "kept").unwrap();
    drop(guard.stdin.take());
    guard.wait().unwrap();
    gone(&task);
    assert!(task.join("precious").exists());
}

/// Runs an encode, and does something to its processes meanwhile.
async fn disturbed(stage: &Stage, stall: Duration, disturb: impl Fn() + Send + 'static) -> Result<(), EncoderError> {
    let encoder = encoder(stall);
    let order = stage.endless();
    let disturbance = tokio::task::spawn_blocking(disturb);
    let ended = tokio::time::timeout(SOON, encoder.run(&order, |_| {})).await;
    disturbance.await.unwrap();
    ended.expect("it went on")
}

#[tokio::test]
async fn a_killed_guard_takes_its_encoder_along() {
    let stage = Stage::set();
    let folder = stage.task.path().to_owned();
    let ended = disturbed(&stage, PATIENT, move || {
        let (guard, tool) = pair(&folder);
        signal(&guard, Signal::KILL);
        until("the encoder dead", Duration::from_secs(1), || {
            !processes(&folder).contains(&tool)
        });
    });
    assert!(matches!(ended.await, Err(EncoderError::Killed(9))));
    gone(stage.task.path());
}

#[tokio::test]
async fn a_killed_encoder_is_told_with_its_signal_and_can_be_run_again() {
    let stage = Stage::set();
    for deadly in [Signal::KILL, Signal::SEGV] {
        let folder = stage.task.path().to_owned();
        let ended = disturbed(&stage, PATIENT, move || signal(&pair(&folder).1, deadly));
        let ended = ended.await;
        assert!(
            matches!(ended, Err(EncoderError::Killed(signal)) if signal == deadly.as_raw()),
            "{ended:?}"
        );
        gone(stage.task.path());
        fs::remove_file(stage.task.path().join("240p.mp4")).unwrap();
    }
}

#[tokio::test]
async fn an_encoder_or_a_guard_that_stands_still_is_ended_in_bounded_time() {
    for stop_guard in [false, true] {
        let stage = Stage::set();
        let folder = stage.task.path().to_owned();
        let begun = Instant::now();
        let ended = disturbed(&stage, Duration::from_secs(1), move || {
            let (guard, tool) = pair(&folder);
            signal(&tool, Signal::STOP);
            if stop_guard {
                signal(&guard, Signal::STOP);
            }
        });
        let ended = ended.await;
        assert!(matches!(ended, Err(EncoderError::Stalled)), "{ended:?}");
        assert!(begun.elapsed() < SOON);
        gone(stage.task.path());
    }
}

#[tokio::test]
async fn saying_the_same_again_and_again_is_no_progress() {
    let stage = Stage::set();
    let endless = "while :; do echo out_time_us=5; echo progress=continue; sleep 0.05; done";
    let order = stage.order(["-c", endless]);
    let ended = tokio::time::timeout(SOON, shell(Duration::from_millis(500)).run(&order, |_| {})).await;
    assert!(matches!(ended, Ok(Err(EncoderError::Stalled))), "{ended:?}");
    gone(stage.task.path());
}

#[tokio::test]
async fn what_reads_without_writing_is_given_more_time_but_not_forever() {
    let stage = Stage::set();
    let reading = |times: u32| format!("for i in $(seq {times}); do read x < /proc/version; sleep 0.01; done");
    let encoder = shell(Duration::from_millis(300));
    let for_a_second = stage.order(["-c".to_owned(), reading(60)]);
    encoder.run(&for_a_second, |_| {}).await.unwrap();
    let begun = Instant::now();
    let for_ages = stage.order(["-c".to_owned(), reading(100_000)]);
    let ended = tokio::time::timeout(PATIENT, encoder.run(&for_ages, |_| {})).await;
    assert!(matches!(ended, Ok(Err(EncoderError::Stalled))), "{ended:?}");
    assert!(begun.elapsed() > Duration::from_secs(5));
    gone(stage.task.path());
}

#[tokio::test]
async fn a_dropped_run_ends_all_processes_and_leaves_no_file() {
    let stage = Stage::set();
    let order = stage.endless();
    let encoder = encoder(PATIENT);
    {
        let folder = stage.task.path().to_owned();
        let mut run = Box::pin(encoder.run(&order, |_| {}));
        let up = tokio::task::spawn_blocking(move || pair(&folder));
        tokio::select! {
            ended = &mut run => panic!("{ended:?}"),
            pair = up => pair.unwrap(),
        };
    }
    let folder = stage.task.path().to_owned();
    let Stage { task, staging, data } = stage;
    drop(task);
    assert!(!folder.exists());
    assert!(gone(&folder) < Duration::from_secs(1));
    drop(staging);
    assert!(names(&data.path().join("staging")).is_empty());
}

#[tokio::test]
async fn progress_grows_to_the_end_of_a_good_run() {
    let stage = Stage::set();
    let mut order = stage.endless();
    let last = order.args.pop().unwrap();
    order.args.extend(["-t".into(), "20".into(), last]);
    let mut told = Vec::new();
    encoder(PATIENT)
        .run(&order, |progress| told.push(progress))
        .await
        .unwrap();
    assert!(told.windows(2).all(|two| two[0].out_time <= two[1].out_time));
    let last = told.last().unwrap();
    assert!(
        last.out_time > 19_900_000 && last.frames == 600 && last.bytes > 0,
        "{last:?}"
    );
    assert!(last.speed.is_some());
    gone(stage.task.path());
}

#[tokio::test]
async fn a_broken_input_and_a_missing_tool_are_told_apart() {
    let stage = Stage::set();
    let mut broken = stage.order(["-v", "error", "-f", "matroska", "-i", "/proc/version"]);
    let failed = encoder(PATIENT).run(&broken, |_| {}).await;
    let Err(EncoderError::Failed { code, message }) = failed else {
        panic!("{failed:?}");
    };
    assert!(
        code > 0 && message.contains("Invalid data") && message.len() <= 4_096,
        "{message}"
    );
    for name in ["no-such-encoder", "/no/such/encoder"] {
        let nothing = encoder(PATIENT).with_tools(name, name).run(&broken, |_| {}).await;
        assert!(
            matches!(nothing, Err(EncoderError::Missing(Tool::Ffmpeg))),
            "{nothing:?}"
        );
    }
    broken.folder = stage.data.path().join("not there");
    let nowhere = encoder(PATIENT).run(&broken, |_| {}).await;
    assert!(matches!(nowhere, Err(EncoderError::Io(_))), "{nowhere:?}");
}

/// Runs the guard in a mount namespace where the staging folder is a disk of one MiB.
fn small_disk(stage: &Stage) -> std::path::PathBuf {
    let script = stage.data.path().join("small-disk");
    let folder = stage.task.path().display();
    let text = format!(
        "#!/bin/sh\nexec unshare -Urm sh -c 'mount -t tmpfs -o size=1m none {folder} && exec {PROGRAM} \"$@\"' sh \"$@\"\n"
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    script
}

#[tokio::test]
async fn a_full_disk_is_told_as_such() {
    let stage = Stage::set();
    let program = small_disk(&stage);
    let encoder = transcoding_jobs::encoder::Encoder::new(program, PATIENT);
    let order = stage.endless();
    let ended = tokio::time::timeout(PATIENT, encoder.run(&order, |_| {})).await;
    assert!(matches!(ended, Ok(Err(EncoderError::DiskFull))), "{ended:?}");
    gone(stage.task.path());
}

#[tokio::test]
async fn bytes_come_through_whole_also_to_a_slow_reader() {
    let stage = Stage::set();
    let order = stage.order(["-c", "seq 200000; echo nonsense >&2"]);
    let mut running = shell(Duration::from_millis(500)).start(&order).unwrap();
    let (mut all, mut chunks) = (Vec::new(), 0);
    while let Some(bytes) = running.next().await.unwrap() {
        all.extend_from_slice(&bytes);
        chunks += 1;
        if chunks == 2 {
            // Longer than the patience with the tool, which waits for this reader meanwhile.
            tokio::time::sleep(Duration::from_millis(1_500)).await;
        }
    }
    let lines: Vec<_> = std::str::from_utf8(&all).unwrap().lines().collect();
    assert_eq!(lines.len(), 200_000);
    assert!(lines.iter().enumerate().all(|(at, line)| *line == (at + 1).to_string()));
}

/// The futures go into jobs, which move between threads.
#[tokio::test]
async fn runs_can_be_moved_between_threads() {
    fn movable<T: Future + Send>(it: T) -> T {
        it
    }
    let stage = Stage::set();
    let order = stage.order(["-c", "exit 3"]);
    let encoder = shell(PATIENT);
    let ended = movable(encoder.run(&order, |_| {})).await;
    assert!(matches!(ended, Err(EncoderError::Failed { code: 3, .. })), "{ended:?}");
}
