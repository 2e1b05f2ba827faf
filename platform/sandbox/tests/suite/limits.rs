//! The resources that a tool has, and the limits on them.

use super::stage::{PATIENT, Stage, bare, gone, output, sandbox};
use sandbox::{Limits, Order, RunError};
use std::time::Duration;

async fn output_of(order: &Order) -> Result<String, RunError> {
    output(&bare(PATIENT), order).await
}

#[tokio::test]
async fn a_tool_has_a_folder_a_search_path_and_little_else() {
    let stage = Stage::set();
    let order = stage.order([
        "-c",
        "pwd; umask; nice; readlink /proc/$$/fd/0; tr '\\0' '\\n' < /proc/$$/environ",
    ]);
    let output = output_of(&order).await.unwrap();
    let lines: Vec<_> = output.lines().collect();
    let [folder, umask, nice, input, path] = lines.as_slice() else {
        panic!("{output}");
    };
    assert_eq!(*folder, stage.task.path().to_str().unwrap());
    assert_eq!((*umask, *nice, *input), ("0077", "19", "/dev/null"));
    assert!(path.starts_with("PATH="), "{path}");
    let mut waited_for = stage.order(["-c", "nice"]);
    waited_for.limits.nice = Limits::URGENT;
    assert_eq!(output_of(&waited_for).await.unwrap().trim(), "10");
}

#[tokio::test]
async fn a_tool_has_its_limits_from_the_start() {
    let stage = Stage::set();
    let mut order = stage.order(["-c", "cat /proc/$$/limits"]);
    order.limits = Limits {
        memory: 3 << 30,
        file_size: 5 << 20,
        cpu: Some(Duration::from_secs(77)),
        nice: 13,
    };
    let output = output_of(&order).await.unwrap();
    let limit = |name: &str| {
        let line = output.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let values: Vec<_> = line.split_whitespace().take(2).collect();
        assert_eq!(values[0], values[1], "{name} can be raised again");
        values[0].to_owned()
    };
    assert_eq!(limit("Max data size"), (3_u64 << 30).to_string());
    assert_eq!(limit("Max address space"), (11_u64 << 30).to_string());
    assert_eq!(limit("Max file size"), (5 << 20).to_string());
    assert_eq!(limit("Max cpu time"), "77");
    assert_eq!(limit("Max open files"), "256");
    assert_eq!(limit("Max core file size"), "0");
}

#[tokio::test]
async fn a_tool_that_writes_too_long_a_file_or_works_too_long_is_ended() {
    let stage = Stage::set();
    let mut order = stage.order(["-c", "exec head -c 9000000 /dev/zero > long"]);
    order.limits.file_size = 1 << 20;
    let ended = output_of(&order).await;
    assert!(matches!(ended, Err(RunError::Killed(25))), "{ended:?}");
    let length = || std::fs::metadata(stage.task.path().join("long")).unwrap().len();
    assert_eq!(length(), 1 << 20);
    // The first process of a namespace gets an error instead of a signal.
    let ended = output(&sandbox(PATIENT), &order).await;
    assert!(matches!(ended, Err(RunError::Failed { .. })), "{ended:?}");
    assert_eq!(length(), 1 << 20);
    let mut order = stage.order(["-c", "while :; do :; done"]);
    order.limits.cpu = Some(Duration::from_secs(1));
    for sandbox in [bare(PATIENT), sandbox(PATIENT)] {
        let ended = output(&sandbox, &order).await;
        assert!(matches!(ended, Err(RunError::OverTime)), "{ended:?}");
        gone(stage.task.path());
    }
}

#[tokio::test]
async fn a_tool_gets_no_more_memory_than_its_sandbox_permits() {
    let stage = Stage::set();
    // An awk that holds some 100 MB, in one string.
    let mut order = stage.order([
        "-c",
        "exec awk 'BEGIN { a = \"x\"; while (length(a) < 100000000) a = a a; print \"done\" }'",
    ]);
    order.limits.memory = 1 << 30;
    assert_eq!(output_of(&order).await.unwrap().trim(), "done");
    let ended = output(&bare(PATIENT).memory(64 << 20), &order).await;
    assert!(ended.is_err(), "{ended:?}");
}

#[tokio::test]
async fn an_argument_that_looks_like_shell_stays_one_argument() {
    let stage = Stage::set();
    let odd = "$(touch owned); `touch owned` --folder=/ 'x' \"y\" \n -become";
    let output = output_of(&stage.order(["-c", "printf %s \"$1\"", "sh", odd]))
        .await
        .unwrap();
    assert_eq!(output, odd);
    assert!(!stage.task.path().join("owned").exists());
}
