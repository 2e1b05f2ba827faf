//! ffmpeg and ffprobe, and the encoders that ffmpeg has.

use super::Finding::{self, Doubtful, Good, Missing};
use super::Findings;
use tokio::process::Command;
use transcoding_jobs::encoder::version as versions;

/// What every rendition is made with.
const ENCODERS: [&str; 2] = ["libx264", "aac"];

pub(super) async fn check() -> Findings {
    let ffmpeg = version("ffmpeg").await;
    let runs = matches!(ffmpeg, Good(_));
    let flaw = match &ffmpeg {
        Good(text) => versions::version(text).and_then(versions::warning),
        Doubtful(..) | Missing(..) => None,
    };
    let mut findings = vec![("ffmpeg", ffmpeg), ("ffprobe", version("ffprobe").await)];
    if let Some(flaw) = flaw {
        let remedy = "install a newer ffmpeg when your system has one".to_owned();
        findings.push(("known flaws", Doubtful(flaw, remedy)));
    }
    if runs {
        findings.push(("encoders", encoders().await));
    }
    findings
}

async fn version(name: &'static str) -> Finding {
    match Command::new(name).arg("-version").output().await {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let first = text.lines().next().and_then(|line| line.split(" Copyright").next());
            Good(first.unwrap_or_default().to_owned())
        }
        Ok(output) => Missing(
            format!("{name} fails: {}", output.status),
            "apt-get install --reinstall ffmpeg".to_owned(),
        ),
        Err(_) => Missing(
            format!("{name} is not on the PATH"),
            "apt-get install ffmpeg".to_owned(),
        ),
    }
}

async fn encoders() -> Finding {
    let listed = Command::new("ffmpeg")
        .args(["-hide_banner", "-encoders"])
        .output()
        .await;
    let text = listed.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    );
    let missing: Vec<&str> = ENCODERS.into_iter().filter(|name| !lists(&text, name)).collect();
    if missing.is_empty() {
        return Good(ENCODERS.join(", "));
    }
    Missing(
        format!(
            "ffmpeg has no {}: only lectures in H.264 with AAC can be watched, in one quality",
            missing.join(" and no ")
        ),
        "install an ffmpeg with these encoders; Debian's has them (apt-get install ffmpeg)".to_owned(),
    )
}

/// Whether ffmpeg's list has the encoder: its name is the second column, behind the flags.
fn lists(text: &str, name: &str) -> bool {
    text.lines().any(|line| line.split_whitespace().nth(1) == Some(name))
}

#[cfg(test)]
mod tests {
    use super::lists;

    #[test]
    fn an_encoder_is_found_by_its_whole_name() {
        let text = " V....D libx264rgb           H.264 RGB (codec h264)\n A....D aac                  AAC\n";
        assert!(lists(text, "aac"));
        assert!(!lists(text, "libx264"));
    }
}
