//! However the worker, the guard or the tool ends, the others do not outlive it and nothing is left.

use super::stage::{
    ENDLESS, PATIENT, PROGRAM, SOON, Stage, bare, gone, names, output, pair, processes, sandbox, signal,
};
use rustix::process::{Pid, Signal, test_kill_process};
use sandbox::{COMMAND, Layer, RunError, Sandbox};
use std::fs;
use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A minimal worker: it holds its folder's lock and the guard's standard input.
const WORKER: &str = "mkfifo \"$0/life\"; exec 4< \"$0/staging/$1\"; flock 4; shift; \
    \"$@\" < \"$0/life\" 4<&- & exec 3> \"$0/life\"; wait";

/// Waits until the condition holds.
fn until(what: &str, within: Duration, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < within, "not {what} within {within:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The command line of a guard over a tool that never ends.
fn guarded(task: &Path) -> Vec<std::ffi::OsString> {
    let limits = ["--memory", "8589934592", "--file-size", "8589934592", "--folder"];
    let mut words: Vec<std::ffi::OsString> = vec![PROGRAM.into(), COMMAND.into()];
    words.extend(limits.map(Into::into));
    words.push(task.into());
    words.extend(["landlock", "calls", "root"].map(|layer| format!("--without={layer}").into()));
    words.extend(["--", "sh"].into_iter().chain(ENDLESS).map(Into::into));
    words.push(task.into());
    words
}

#[test]
fn a_killed_worker_takes_its_tool_and_its_staging_folder_along_within_a_second() {
    let data = tempfile::tempdir().unwrap();
    let id = uuid::Uuid::now_v7().to_string();
    let task = data.path().join("staging").join(&id).join("task");
    fs::create_dir_all(&task).unwrap();
    // Its name differs from the tool's, because the test finds the tool by its name.
    let mut worker = Command::new("bash")
        .args(["-c", WORKER])
        .arg(data.path())
        .arg(&id)
        .args(guarded(&task))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (guard, tool) = pair(&task);
    assert_eq!(guard.group, guard.pid, "the guard has no group of its own");
    assert_eq!(tool.group, guard.pid, "the tool is in another group");
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
fn a_folder_that_replaced_the_staging_folder_is_left_alone() {
    let data = tempfile::tempdir().unwrap();
    let (task, aside) = (data.path().join("task"), data.path().join("aside"));
    fs::create_dir(&task).unwrap();
    let words = guarded(&task);
    let mut guard = Command::new(&words[0])
        .args(&words[1..])
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

/// Runs an endless tool, and does something to its processes meanwhile.
async fn disturbed(stage: &Stage, sandbox: &Sandbox, disturb: impl Fn() + Send + 'static) -> RunError {
    let disturbance = tokio::task::spawn_blocking(disturb);
    let ended = tokio::time::timeout(SOON, output(sandbox, &stage.endless())).await;
    disturbance.await.unwrap();
    ended.expect("the tool still runs").expect_err("the tool ended well")
}

#[tokio::test]
async fn a_killed_guard_takes_its_tool_along() {
    let stage = Stage::set();
    let folder = stage.task.path().to_owned();
    let sandbox = sandbox(PATIENT);
    let ended = disturbed(&stage, &sandbox, move || {
        let (guard, tool) = pair(&folder);
        signal(&guard, Signal::KILL);
        until("the tool dead", Duration::from_secs(1), || {
            !processes(&folder).contains(&tool)
        });
    });
    assert!(matches!(ended.await, RunError::Killed(9)));
    gone(stage.task.path());
}

#[tokio::test]
async fn a_killed_tool_is_reported_with_its_signal_and_can_be_run_again() {
    let stage = Stage::set();
    for deadly in [Signal::KILL, Signal::SEGV] {
        let folder = stage.task.path().to_owned();
        // The first process of a namespace dies by no other signal from outside than the first of these.
        let sandbox = if deadly == Signal::KILL {
            sandbox(PATIENT)
        } else {
            bare(PATIENT)
        };
        let ended = disturbed(&stage, &sandbox, move || signal(&pair(&folder).1, deadly)).await;
        assert!(
            matches!(ended, RunError::Killed(signal) if signal == deadly.as_raw()),
            "{ended:?}"
        );
        gone(stage.task.path());
        fs::remove_file(stage.task.path().join("written")).unwrap();
    }
}

#[tokio::test]
async fn a_stopped_tool_or_guard_is_ended_in_bounded_time() {
    for stop_guard in [false, true] {
        let stage = Stage::set();
        let folder = stage.task.path().to_owned();
        let begun = Instant::now();
        let sandbox = sandbox(Duration::from_secs(1));
        let ended = disturbed(&stage, &sandbox, move || {
            let (guard, tool) = pair(&folder);
            signal(&tool, Signal::STOP);
            if stop_guard {
                signal(&guard, Signal::STOP);
            }
        });
        let ended = ended.await;
        assert!(matches!(ended, RunError::Stalled), "{ended:?}");
        assert!(begun.elapsed() < SOON);
        gone(stage.task.path());
    }
}

#[tokio::test]
async fn output_that_its_reader_calls_no_progress_does_not_keep_a_tool_alive() {
    let stage = Stage::set();
    let mut running = sandbox(Duration::from_millis(500)).start(&stage.endless()).unwrap();
    let ended = tokio::time::timeout(SOON, async {
        loop {
            if let Err(error) = running.read().await {
                return error;
            }
        }
    });
    let ended = ended.await;
    assert!(matches!(ended, Ok(RunError::Stalled)), "{ended:?}");
    drop(running);
    gone(stage.task.path());
}

#[tokio::test]
async fn a_tool_that_only_reads_gets_more_time_but_not_forever() {
    let stage = Stage::set();
    let reading = |times: u32| format!("for i in $(seq {times}); do read x < /proc/version; sleep 0.01; done");
    let sandbox = sandbox(Duration::from_millis(800));
    let for_two_seconds = stage.order(["-c".to_owned(), reading(150)]);
    output(&sandbox, &for_two_seconds).await.unwrap();
    let begun = Instant::now();
    let for_ages = stage.order(["-c".to_owned(), reading(100_000)]);
    let ended = tokio::time::timeout(PATIENT, output(&sandbox, &for_ages)).await;
    assert!(matches!(ended, Ok(Err(RunError::Stalled))), "{ended:?}");
    assert!(begun.elapsed() > Duration::from_secs(5));
    gone(stage.task.path());
}

#[tokio::test]
async fn a_dropped_run_ends_all_processes_and_leaves_no_file() {
    let stage = Stage::set();
    let running = sandbox(PATIENT).start(&stage.endless()).unwrap();
    let folder = stage.task.path().to_owned();
    let up = tokio::task::spawn_blocking(move || pair(&folder));
    up.await.unwrap();
    drop(running);
    let folder = stage.task.path().to_owned();
    let Stage { task, staging, data } = stage;
    drop(task);
    assert!(!folder.exists());
    assert!(gone(&folder) < Duration::from_secs(1));
    drop(staging);
    assert!(names(&data.path().join("staging")).is_empty());
}

#[tokio::test]
async fn a_failed_tool_a_missing_one_and_a_missing_folder_are_different_errors() {
    let stage = Stage::set();
    let failing = "seq 10000 >&2; echo 'Invalid data' >&2; exit 3";
    let mut order = stage.order(["-c", failing]);
    let failed = output(&sandbox(PATIENT), &order).await;
    let Err(RunError::Failed { code: 3, message }) = failed else {
        panic!("{failed:?}");
    };
    assert!(message.ends_with("Invalid data") && message.len() <= 4_096, "{message}");
    for name in ["no-such-tool", "/no/such/tool"] {
        order.tool = name.into();
        let nothing = output(&sandbox(PATIENT), &order).await;
        assert!(
            matches!(&nothing, Err(RunError::Missing(tool)) if tool == Path::new(name)),
            "{nothing:?}"
        );
    }
    order.folder = stage.data.path().join("not there");
    let nowhere = output(&sandbox(PATIENT), &order).await;
    assert!(matches!(nowhere, Err(RunError::Io(_))), "{nowhere:?}");
}

#[tokio::test]
async fn a_tool_is_not_started_if_its_arguments_name_a_path_that_its_order_does_not_list() {
    let stage = Stage::set();
    let mut order = stage.order(["-c", "cat \"$0\"", "/proc/version"]);
    let refused = output(&sandbox(PATIENT), &order).await;
    assert!(
        matches!(&refused, Err(RunError::Unlisted(path)) if path == Path::new("/proc/version")),
        "{refused:?}"
    );
    order.reads.push("/proc/version".into());
    assert!(output(&sandbox(PATIENT), &order).await.unwrap().starts_with("Linux"));
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
async fn a_full_disk_is_reported_as_such() {
    let stage = Stage::set();
    let sandbox = Sandbox::new(small_disk(&stage), PATIENT).without([Layer::Landlock, Layer::Calls, Layer::Root]);
    let order = stage.order(["-c", "exec yes > full"]);
    let ended = tokio::time::timeout(PATIENT, output(&sandbox, &order)).await;
    assert!(matches!(ended, Ok(Err(RunError::DiskFull))), "{ended:?}");
    gone(stage.task.path());
}

#[tokio::test]
async fn a_slow_reader_gets_all_bytes() {
    let stage = Stage::set();
    let order = stage.order(["-c", "seq 200000; echo nonsense >&2"]);
    let mut running = sandbox(Duration::from_millis(500)).start(&order).unwrap();
    let (mut all, mut chunks) = (Vec::new(), 0);
    while let Some(bytes) = running.next().await.unwrap() {
        all.extend_from_slice(&bytes);
        chunks += 1;
        if chunks == 2 {
            // Longer than the limit without progress; the tool waits for this reader meanwhile.
            tokio::time::sleep(Duration::from_millis(1_500)).await;
        }
    }
    let lines: Vec<_> = std::str::from_utf8(&all).unwrap().lines().collect();
    assert_eq!(lines.len(), 200_000);
    assert!(lines.iter().enumerate().all(|(at, line)| *line == (at + 1).to_string()));
}

/// Jobs move their futures between threads.
#[tokio::test]
async fn runs_can_be_moved_between_threads() {
    fn movable<T: Future + Send>(it: T) -> T {
        it
    }
    let stage = Stage::set();
    let (sandbox, order) = (sandbox(PATIENT), stage.order(["-c", "exit 3"]));
    let ended = movable(output(&sandbox, &order)).await;
    assert!(matches!(ended, Err(RunError::Failed { code: 3, .. })), "{ended:?}");
}
