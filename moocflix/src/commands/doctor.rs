//! `moocflix doctor`: checks the machine for everything that `serve` needs.

mod checks;

use super::print;
use crate::settings::{self, Overrides};
use anyhow::Result;
use clap::Args;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    overrides: Overrides,
    /// The address to serve at.
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

/// The result of one check.
enum Finding {
    Good(String),
    /// It works, but not well. The second text is the remedy.
    Doubtful(String, &'static str),
    /// It does not work. The second text is the remedy.
    Missing(String, String),
}

pub(super) async fn run(args: DoctorArgs) -> Result<ExitCode> {
    let loaded = match settings::load(&args.overrides, args.listen.as_deref()) {
        Ok(loaded) => loaded,
        Err(error) => {
            let how = "correct the key; `moocflix config check` prints the configuration".to_owned();
            print(&line("configuration", &Finding::Missing(format!("{error:#}"), how)))?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let findings = checks::all(&loaded.value).await;
    let read = if loaded.warnings.is_empty() {
        Finding::Good("valid".to_owned())
    } else {
        Finding::Doubtful(
            loaded.warnings.join("; "),
            "unset it, or correct its name; `moocflix config check` prints every key",
        )
    };
    let mut text = line("configuration", &read);
    text.extend(findings.iter().map(|(name, finding)| line(name, finding)));
    let missing = findings
        .iter()
        .filter(|(_, finding)| matches!(finding, Finding::Missing(..)))
        .count();
    text.push_str(&match missing {
        0 => "no problems found\n".to_owned(),
        1 => "1 problem found\n".to_owned(),
        more => format!("{more} problems found\n"),
    });
    print(&text)?;
    Ok(if missing == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn line(name: &str, finding: &Finding) -> String {
    match finding {
        Finding::Good(what) => format!("ok       {name:<14} {what}\n"),
        Finding::Doubtful(what, how) => format!("warning  {name:<14} {what}\n{:24}→ {how}\n", ""),
        Finding::Missing(what, how) => format!("missing  {name:<14} {what}\n{:24}→ {how}\n", ""),
    }
}
