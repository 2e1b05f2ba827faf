//! Files that refer to other files or to servers: ffprobe, traced, opens nothing but the file itself.

mod encoder;
mod files;

use super::stage::{PROGRAM, Stage};
use super::survey::ffmpeg;
use fmp4::sniff;
use sandbox::{Layer, Sandbox};
use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use transcoding_jobs::survey::survey;

/// A sandbox whose tools are traced. They are caged as usual or, to see what they would do, by nothing but their arguments.
fn traced(stage: &Stage, caged: bool) -> (Sandbox, PathBuf) {
    let (script, log) = (stage.data.path().join("traced"), stage.data.path().join("trace"));
    let text = format!(
        "#!/bin/sh\nexec strace -f -qq -s 4096 -e trace=open,openat,execve,socket,connect -o {} {PROGRAM} \"$@\"\n",
        log.display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let without = if caged { Vec::new() } else { Layer::ALL.to_vec() };
    (Sandbox::new(script, Duration::from_secs(60)).without(without), log)
}

/// What a tool tried to open, start or connect to after it had started; the source goes by a name of its own.
fn reached(log: &Path, source: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(log).unwrap();
    let mut others = BTreeSet::new();
    let mut tool = None;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let (process, call) = line.split_once(' ').unwrap();
        let call = call.trim_start();
        if call.starts_with("execve(") && call.contains("/ffprobe\"") && call.ends_with("= 0") {
            tool = Some(process.to_owned());
            continue;
        }
        match &tool {
            None => drop(others.insert(process.to_owned())),
            Some(tool) if process == tool || !others.contains(process) => {
                let what = call.split_once(") = ").map_or(call, |(before, _)| before);
                found.insert(what.replace(source.to_str().unwrap(), "SOURCE"));
            }
            // the guard
            Some(_) => {}
        }
    }
    assert!(tool.is_some(), "no ffprobe ran: {text}");
    found.retain(|call| !call.contains("\"SOURCE\"") && !call.starts_with("+++") && !call.starts_with("---"));
    found
}

#[tokio::test]
async fn nothing_outside_a_file_is_opened_whatever_it_refers_to() {
    let stage = Stage::set();
    let data = stage.data.path();
    let canary = data.join("canary.bin");
    fs::write(&canary, "secret").unwrap();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let all = files::all(data, canary.to_str().unwrap(), &address);
    assert_eq!(all.len(), 92);
    ffmpeg(data, "-f lavfi -i sine=duration=1 plain.wav");
    let long = std::env::var_os("MOOCFLIX_TEST_LONG").is_some();
    let step = if long { 1 } else { 9 };
    let mut surveyed = 0;
    for caged in [true, false] {
        let (sandbox, log) = traced(&stage, caged);
        let source = data.join("plain.wav");
        survey(&sandbox, &source, sniff(&fs::read(&source).unwrap()), stage.task.path())
            .await
            .unwrap();
        let usual = reached(&log, &source);
        for (name, bytes) in all.iter().skip(usize::from(caged)).step_by(step) {
            let source = data.join(name);
            fs::write(&source, bytes).unwrap();
            let found = survey(&sandbox, &source, sniff(bytes), stage.task.path()).await;
            surveyed += usize::from(found.is_ok());
            let foreign: Vec<_> = reached(&log, &source).difference(&usual).cloned().collect();
            assert!(foreign.is_empty(), "{name}: {foreign:?}");
        }
    }
    assert!(surveyed >= 2 * 50 / step, "only {surveyed} were read");
    server.set_nonblocking(true).unwrap();
    assert!(server.accept().is_err(), "somebody connected");
}
