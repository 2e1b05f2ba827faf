//! `moocflix doctor`: looks at the machine as `serve` will find it.

mod checks;

use super::say;
use crate::settings::{self, Overrides};
use anyhow::Result;
use clap::Args;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    overrides: Overrides,
    /// The address that will be served at.
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

/// What a look at one thing gave.
enum Finding {
    Good(String),
    /// It works, but not as well as it could.
    Doubtful(String, &'static str),
    /// It does not work; the second text says how it will.
    Missing(String, String),
}

pub(super) async fn run(args: DoctorArgs) -> Result<ExitCode> {
    let loaded = match settings::load(&args.overrides, args.listen.as_deref()) {
        Ok(loaded) => loaded,
        Err(error) => {
            let how = "correct the key; `moocflix config check` shows what is set".to_owned();
            say(&line("configuration", &Finding::Missing(format!("{error:#}"), how)))?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let findings = checks::all(&loaded.value).await;
    let read = if loaded.warnings.is_empty() {
        Finding::Good("is in order".to_owned())
    } else {
        Finding::Doubtful(
            loaded.warnings.join("; "),
            "unset it, or spell it as `moocflix config check` does",
        )
    };
    let mut text = line("configuration", &read);
    text.extend(findings.iter().map(|(name, finding)| line(name, finding)));
    let missing = findings
        .iter()
        .filter(|(_, finding)| matches!(finding, Finding::Missing(..)))
        .count();
    text.push_str(&match missing {
        0 => "everything that MoocFlix needs is here\n".to_owned(),
        1 => "one thing is missing\n".to_owned(),
        more => format!("{more} things are missing\n"),
    });
    say(&text)?;
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
