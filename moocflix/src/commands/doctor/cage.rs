//! The cage around encoders: which layers this machine has, and what gets out.

use super::Finding::{self, Doubtful, Good, Missing};
use super::Findings;
use crate::settings::{Settings, THIS_PROGRAM};
use sandbox::staging::Staging;
use sandbox::{Layer, Sandbox, selftest};
use std::fs;
use std::time::Duration;
use uuid::Uuid;

/// How long an attempt may make no progress.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn check(settings: &Settings) -> Findings {
    vec![("cage", cage(settings.content.must_cage()).await)]
}

/// Tries to break out, in a folder of its own.
async fn cage(required: bool) -> Finding {
    let folder = std::env::temp_dir().join(format!("moocflix-doctor-{}", Uuid::now_v7()));
    let tested = async {
        let staging = Staging::open(&folder)?;
        selftest(&Sandbox::new(THIS_PROGRAM, PATIENCE), &staging).await
    };
    let tested = tested.await;
    // Only this check has used it.
    let _ = fs::remove_dir_all(&folder);
    let report = match tested {
        Ok(report) => report,
        Err(error) => {
            let remedy = "docs/sandbox.md lists what the cage needs".to_owned();
            return Missing(format!("it can't be tested: {error}"), remedy);
        }
    };
    let mut text = format!("encoders run behind {}", names(&report.layers));
    // This layer is the user's to have, not the machine's.
    let (root, machine): (Vec<Layer>, Vec<Layer>) =
        report.missing().into_iter().partition(|layer| *layer == Layer::User);
    if !machine.is_empty() {
        text = format!("{text}; this machine lacks {}", names(&machine));
    }
    if !root.is_empty() {
        text = format!("{text}; {} needs root", names(&root));
    }
    let is_refused = required && !report.lacking().is_empty();
    if report.open.is_empty() && !is_refused {
        return Good(text);
    }
    let open: Vec<&str> = report.open.iter().map(|attack| attack.describe()).collect();
    if !open.is_empty() {
        text = format!("{text}; an encoder that a file has taken over {}", open.join(", "));
    }
    if required {
        let remedy = "docs/sandbox.md lists what each layer needs; or set content.transcode.sandbox to best";
        return Missing(text, remedy.to_owned());
    }
    Doubtful(text, "docs/sandbox.md lists what each layer needs".to_owned())
}

fn names(layers: &[Layer]) -> String {
    let names: Vec<String> = layers.iter().map(ToString::to_string).collect();
    names.join(", ")
}
