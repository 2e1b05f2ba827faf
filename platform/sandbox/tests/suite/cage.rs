//! A tool that was taken over, as root and as an ordinary user: what it can't do, and which layers keep it from that.

use super::stage::{PATIENT, PROGRAM, Stage, output};
use sandbox::{Attack, Layer, Limits, Order, RunError, Sandbox, selftest};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

const NOBODY: u32 = 65_534;

/// The names of the attacks that succeed in a cage, by the layers that it lacks.
type Open = BTreeMap<String, BTreeSet<String>>;

fn list(layers: impl IntoIterator<Item = Layer>) -> String {
    let names: Vec<String> = layers.into_iter().map(|layer| layer.to_string()).collect();
    names.join(",")
}

/// The layers that a cage with this one alone lacks. A limit of tasks needs a user whose tasks are counted apart.
fn alone(layer: Layer) -> String {
    let needed = |it: &Layer| *it == layer || (layer == Layer::Tasks && *it == Layer::User);
    list(Layer::ALL.into_iter().filter(|it| !needed(it)))
}

/// Attacks all cages as a user.
fn attacked_by(user: u32) -> Open {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    let program = place.path().join("program");
    fs::copy(PROGRAM, &program).unwrap();
    let data = place.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
    chown(&data, Some(user), Some(user)).unwrap();
    let mut command = Command::new("setpriv");
    command
        .args([format!("--reuid={user}"), format!("--regid={user}")])
        .arg("--clear-groups");
    command.arg(&program).arg("worker");
    command.arg("--data").arg(&data).arg("--program").arg(&program);
    let less_one = Layer::ALL.map(|layer| layer.to_string());
    for cage in [list(Layer::ALL), String::new()]
        .into_iter()
        .chain(Layer::ALL.map(alone))
        .chain(less_one)
    {
        command.arg(format!("--cage={cage}"));
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| {
        let (cage, open) = line.split_once('=').unwrap();
        let open = open.split(',').filter(|name| !name.is_empty()).map(str::to_owned);
        (cage.to_owned(), open.collect())
    });
    lines.collect()
}

/// The layers that hold an attack by themselves; all of them if it never succeeds.
fn holders(open: &Open, attack: Attack) -> Vec<Layer> {
    let holds = |layer| !open[&alone(layer)].contains(&attack.to_string());
    // A limit of tasks is not alone.
    let by_itself = |layer: &Layer| holds(*layer) && (*layer != Layer::Tasks || !holds(Layer::User));
    Layer::ALL.into_iter().filter(by_itself).collect()
}

fn table(root: &Open, nobody: &Open) -> String {
    let mut text = "| A tool that … | as root | as an ordinary user |\n|---|---|---|\n".to_owned();
    for attack in Attack::ALL {
        let cell = |open: &Open| {
            let always = !open[&list(Layer::ALL)].contains(&attack.to_string());
            let holders = holders(open, attack);
            match holders.as_slice() {
                _ if always => "the guard".to_owned(),
                [] => "nothing".to_owned(),
                [one] => format!("**{one}**"),
                more => list(more.iter().copied()).replace(',', ", "),
            }
        };
        writeln!(text, "| {} | {} | {} |", attack.describe(), cell(root), cell(nobody)).unwrap();
    }
    text
}

#[test]
fn every_attack_is_held_and_with_one_layer_less_only_those_that_it_alone_held_succeed() {
    let (root, nobody) = (attacked_by(0), attacked_by(NOBODY));
    for (user, open) in [("root", &root), ("nobody", &nobody)] {
        assert_eq!(open[""], BTreeSet::new(), "{user}: these get through the whole cage");
        let bare = &open[&list(Layer::ALL)];
        assert!(bare.len() >= 10, "{user}: only {bare:?} succeed without a cage");
        for layer in Layer::ALL {
            let less = &open[&layer.to_string()];
            let lost = Attack::ALL
                .into_iter()
                .filter(|attack| less.contains(&attack.to_string()));
            for attack in lost {
                // Without a user of its own, nobody counts a run's tasks.
                let by = if layer == Layer::User { Layer::Tasks } else { layer };
                let holders = holders(open, attack);
                assert!(
                    holders == [layer] || holders == [by],
                    "{user}: {attack} without {layer}: {holders:?}"
                );
            }
        }
    }
    let measured = table(&root, &nobody);
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sandbox.md")).unwrap();
    assert!(
        page.contains(&measured),
        "docs/sandbox.md has another table than\n{measured}"
    );
}

#[tokio::test]
async fn the_selftest_finds_every_layer_and_what_a_weaker_cage_lets_through() {
    let stage = Stage::set();
    let report = selftest(&Sandbox::new(PROGRAM, PATIENT), &stage.staging).await.unwrap();
    assert_eq!((report.missing(), report.open), (Vec::new(), Vec::new()));
    let weak = Sandbox::new(PROGRAM, PATIENT).without([Layer::Calls, Layer::Network]);
    let report = selftest(&weak, &stage.staging).await.unwrap();
    assert!(report.open.contains(&Attack::Udp), "{report:?}");
    assert_eq!(
        fs::read_dir(stage.staging.path()).unwrap().count(),
        1,
        "targets were left"
    );
}

fn order(stage: &Stage, tool: &str, source: &Path) -> Order {
    Order {
        tool: tool.into(),
        args: vec![source.into()],
        folder: stage.task.path().to_owned(),
        reads: vec![source.to_owned()],
        writes: Vec::new(),
        limits: Limits::default(),
    }
}

#[tokio::test]
async fn a_run_reads_its_private_source_and_no_other_file_beside_it() {
    let stage = Stage::set();
    let objects = stage.data.path().join("objects");
    fs::create_dir(&objects).unwrap();
    fs::set_permissions(&objects, Permissions::from_mode(0o700)).unwrap();
    let (source, other) = (objects.join("source"), objects.join("other"));
    for file in [&source, &other] {
        fs::write(file, "frames").unwrap();
        fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
    }
    let state = || fs::metadata(&source).map(|it| (it.uid(), it.gid(), it.mode())).unwrap();
    let before = state();
    for without in [
        vec![],
        vec![Layer::Root],
        vec![Layer::User],
        vec![Layer::Root, Layer::User],
    ] {
        let sandbox = Sandbox::new(PROGRAM, PATIENT).without(without.clone());
        let read = output(&sandbox, &order(&stage, "cat", &source)).await;
        assert_eq!(read.unwrap(), "frames", "{without:?}");
        assert_eq!(state(), before, "{without:?}");
        let mut foreign = order(&stage, "cat", &source);
        // Relative paths are not checked beforehand.
        foreign.args = vec!["../../../objects/other".into()];
        let refused = output(&sandbox, &foreign).await;
        assert!(
            matches!(refused, Err(RunError::Failed { .. })),
            "{without:?}: {refused:?}"
        );
    }
    let left: Vec<_> = fs::read_dir(stage.data.path().join("staging")).unwrap().collect();
    assert_eq!(left.len(), 1, "a note was left");
}

#[tokio::test]
async fn a_tool_writes_the_files_of_its_order_and_no_others() {
    let stage = Stage::set();
    let folder = stage.task.path();
    let sandbox = Sandbox::new(PROGRAM, PATIENT);
    for (out, allowed) in [("240p.mp4", true), ("other.mp4", false), ("240p.mp4", true)] {
        let order = Order {
            tool: "dd".into(),
            args: ["if=/dev/urandom", "count=3", &format!("of={out}")]
                .map(Into::into)
                .into(),
            folder: folder.to_owned(),
            reads: Vec::new(),
            writes: vec![folder.join("240p.mp4")],
            limits: Limits::default(),
        };
        let ended = output(&sandbox, &order).await;
        assert_eq!(ended.is_ok(), allowed, "{out}: {ended:?}");
    }
    assert_eq!(fs::metadata(folder.join("240p.mp4")).unwrap().len(), 1_536);
    assert!(!folder.join("other.mp4").exists());
}

#[tokio::test]
async fn a_tool_that_crashes_is_reported_as_such_in_and_out_of_namespaces() {
    let stage = Stage::set();
    let mut order = order(&stage, "sh", Path::new("/dev/null"));
    order.args = vec!["-c".into(), "kill -ABRT $$".into()];
    let bare = Sandbox::new(PROGRAM, PATIENT).without(Layer::ALL);
    let ended = output(&bare, &order).await.unwrap_err();
    assert!(matches!(ended, RunError::Killed(6)) && ended.is_crash(), "{ended:?}");
    assert!(!RunError::Killed(9).is_crash());
    order.tool = PROGRAM.into();
    order.args = vec!["crash".into()];
    let ended = output(&Sandbox::new(PROGRAM, PATIENT), &order).await.unwrap_err();
    assert!(ended.is_crash(), "{ended:?}");
}

#[tokio::test]
async fn a_required_cage_fails_a_run_that_it_cannot_restrict() {
    let stage = Stage::set();
    let order = order(&stage, "cat", Path::new("/dev/null"));
    let required = Sandbox::new(PROGRAM, PATIENT).required(true);
    output(&required, &order).await.unwrap();
    for layer in [Layer::Landlock, Layer::Calls] {
        let refused = output(&required.clone().without([layer]), &order).await;
        assert!(matches!(refused, Err(RunError::Io(_))), "{layer}: {refused:?}");
    }
}
