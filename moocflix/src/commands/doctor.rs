//! `moocflix doctor`: checks the machine for everything that `serve` needs.
//!
//! It changes nothing, so that it can run anywhere, also beside a running server.

mod address;
mod cage;
mod folder;
mod machine;
mod programs;
mod server;
mod servers;

use super::print;
use crate::data_dir;
use crate::settings::{self, Overrides, Settings};
use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    overrides: Overrides,
    /// The address to serve at.
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

/// The result of one check.
enum Finding {
    Good(String),
    /// It works, but not well. The second text is the remedy.
    Doubtful(String, String),
    /// It does not work. The second text is the remedy.
    Missing(String, String),
}

type Findings = Vec<(&'static str, Finding)>;

pub(super) async fn run(args: DoctorArgs) -> Result<ExitCode> {
    let findings = match settings::load(&args.overrides, args.listen.as_deref()) {
        Ok(loaded) => {
            let mut findings = vec![("configuration", configuration(&loaded.warnings))];
            findings.extend(check(&loaded.value).await);
            findings
        }
        Err(error) => {
            let remedy = "correct the key; `moocflix config check` prints the configuration".to_owned();
            vec![("configuration", Finding::Missing(format!("{error:#}"), remedy))]
        }
    };
    let is_problem = |(_, finding): &(_, Finding)| matches!(finding, Finding::Missing(..));
    print(&if args.json {
        as_json(&findings)
    } else {
        as_text(&findings)
    })?;
    Ok(if findings.iter().any(is_problem) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn configuration(warnings: &[String]) -> Finding {
    if warnings.is_empty() {
        return Finding::Good("valid".to_owned());
    }
    let remedy = "unset it, or correct its name; `moocflix config check` prints every key";
    Finding::Doubtful(warnings.join("; "), remedy.to_owned())
}

/// Runs every check.
async fn check(settings: &Settings) -> Findings {
    let holder = data_dir::holder(&settings.data_dir);
    let mut findings = programs::check().await;
    findings.extend(cage::check(settings).await);
    findings.extend(folder::check(settings, holder.as_deref()).await);
    findings.extend(servers::check(settings).await);
    findings.extend(address::check(settings, holder.as_deref()).await);
    findings.extend(machine::check(settings));
    findings
}

fn as_text(findings: &Findings) -> String {
    let lines: String = findings.iter().map(|(name, finding)| line(name, finding)).collect();
    lines + &verdict(findings)
}

/// `1 problem and 2 warnings found`
fn verdict(findings: &Findings) -> String {
    let (mut problems, mut warnings) = (0, 0);
    for (_, finding) in findings {
        match finding {
            Finding::Good(_) => {}
            Finding::Doubtful(..) => warnings += 1,
            Finding::Missing(..) => problems += 1,
        }
    }
    let counted = [(problems, "problem"), (warnings, "warning")].map(|(count, name)| match count {
        0 => None,
        1 => Some(format!("1 {name}")),
        more => Some(format!("{more} {name}s")),
    });
    let named: Vec<String> = counted.into_iter().flatten().collect();
    if named.is_empty() {
        return "no problems found\n".to_owned();
    }
    format!("{} found\n", named.join(" and "))
}

fn line(name: &str, finding: &Finding) -> String {
    match finding {
        Finding::Good(what) => format!("ok       {name:<14} {what}\n"),
        Finding::Doubtful(what, remedy) => format!("warning  {name:<14} {what}\n{:24}→ {remedy}\n", ""),
        Finding::Missing(what, remedy) => format!("missing  {name:<14} {what}\n{:24}→ {remedy}\n", ""),
    }
}

/// Shape: `[{"check", "state": "ok" | "warning" | "missing", "found", "remedy": text or null}]`
fn as_json(findings: &Findings) -> String {
    let entries = findings.iter().map(|(name, finding)| {
        let (state, found, remedy) = match finding {
            Finding::Good(found) => ("ok", found, None),
            Finding::Doubtful(found, remedy) => ("warning", found, Some(remedy)),
            Finding::Missing(found, remedy) => ("missing", found, Some(remedy)),
        };
        json!({"check": name, "state": state, "found": found, "remedy": remedy})
    });
    format!("{:#}\n", entries.collect::<serde_json::Value>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts_problems_and_warnings() {
        let good = || ("a", Finding::Good(String::new()));
        let doubtful = || ("b", Finding::Doubtful(String::new(), String::new()));
        let missing = || ("c", Finding::Missing(String::new(), String::new()));
        assert_eq!(verdict(&vec![good()]), "no problems found\n");
        assert_eq!(verdict(&vec![good(), doubtful()]), "1 warning found\n");
        assert_eq!(
            verdict(&vec![missing(), doubtful(), doubtful()]),
            "1 problem and 2 warnings found\n"
        );
    }
}
