//! `moocflix upload FILE`: uploads a lecture by tus and can be interrupted at any time.
//!
//! The user's cache folder keeps the upload's address, which contains its own key, so that the same
//! command resumes an interrupted upload without a password. The owner's sign-in renews an expired key.

mod account;
mod address;
mod encoding;
mod events;
mod lecture;
mod password;
mod progress;
mod source;
mod state;
mod tus;
mod waiting;

use self::account::Account;
use self::address::Server;
use self::progress::UploadProgress;
use self::source::Source;
use self::state::{Kept, State};
use self::tus::{Refusal, Tus};
use anyhow::{Result, bail};
use serde::Deserialize;
use std::io::Write;
use std::path::PathBuf;

/// Uploads a lecture to a server, or resumes an interrupted upload.
#[derive(Debug, clap::Args)]
pub(crate) struct UploadArgs {
    /// The file to upload.
    file: PathBuf,
    /// The server's address.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// The account's e-mail address; the command asks for the password.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Read the password from standard input instead of asking for it.
    #[arg(long)]
    password_stdin: bool,
    /// An access token, instead of signing in.
    #[arg(long, env = "MOOCFLIX_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// The lecture's title; default: the file's name.
    #[arg(long)]
    title: Option<String>,
    /// Show the progress of the encoding, and wait until the lecture is ready.
    #[arg(long)]
    wait: bool,
}

/// Runs the command.
pub(crate) async fn run(args: UploadArgs) -> Result<()> {
    let work = send(args);
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => bail!("interrupted; run the same command again to resume"),
    }
}

async fn send(args: UploadArgs) -> Result<()> {
    let server = Server::parse(&args.server)?;
    let source = Source::open(&args.file).await?;
    if args.email.is_none() && args.token.is_none() {
        bail!("give --email ADDRESS, or an access token with --token or MOOCFLIX_TOKEN");
    }
    let mut account = Account::new(&server, args.email, args.token, args.password_stdin)?;
    let state = State::of(&server, &source)?;
    let tus = Tus::new(&server)?;
    let title = args.title.as_deref();
    let mut kept = begin(&tus, &state, &source, &mut account, title).await?;
    let progress = UploadProgress::new(source.length);
    let mut renewed = false;
    while let Err(refusal) = tus.send(&kept.url, &source, &progress).await {
        match refusal {
            // signing out everywhere revokes the key; its owner can get a new one
            Refusal::Key if !renewed => {
                renewed = true;
                kept = renew(&tus, &state, &source, &kept, &mut account, title).await?;
            }
            Refusal::Final(error) => {
                state.forget();
                return Err(error);
            }
            Refusal::Key => bail!("the server no longer accepts this upload"),
            Refusal::Later(error) => return Err(error.context("gave up for now; run the same command again to resume")),
        }
    }
    state.forget();
    progress.done();
    print(&format!("uploaded {}: {}", source.name, server.lecture(&kept.video_id)))?;
    let waited = if args.wait {
        waiting::until_ready(&server, &kept.video_id, &mut account).await
    } else {
        Ok(())
    };
    account.sign_out().await;
    waited
}

/// The interrupted upload to resume, or a new one.
async fn begin(tus: &Tus, state: &State, source: &Source, account: &mut Account, title: Option<&str>) -> Result<Kept> {
    match state.read() {
        Some(kept) => Ok(kept),
        None => create(tus, state, source, account, title).await,
    }
}

async fn create(tus: &Tus, state: &State, source: &Source, account: &mut Account, title: Option<&str>) -> Result<Kept> {
    let token = account.token().await?;
    let kept = tus.create(source, title, &token).await?;
    state.keep(&kept)?;
    Ok(kept)
}

/// Asks for a new address of an upload whose key was revoked; creates a new upload if it is gone.
async fn renew(
    tus: &Tus,
    state: &State,
    source: &Source,
    kept: &Kept,
    account: &mut Account,
    title: Option<&str>,
) -> Result<Kept> {
    let video = account.video(&kept.video_id).await?;
    let Some(upload) = video
        .and_then(|it| it.upload)
        .filter(|it| it.length.is_none_or(|it| it == source.length))
    else {
        state.forget();
        return create(tus, state, source, account, title).await;
    };
    let again = Kept {
        url: upload.url,
        video_id: kept.video_id.clone(),
    };
    state.keep(&again)?;
    Ok(again)
}

/// The fields of a video that the command reads.
#[derive(Debug, Deserialize)]
struct UploadingVideo {
    upload: Option<OpenUpload>,
}

#[derive(Debug, Deserialize)]
struct OpenUpload {
    url: String,
    length: Option<u64>,
}

fn print(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
