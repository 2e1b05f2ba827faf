//! `moocflix upload FILE`: uploads a lecture by tus and can be interrupted at any time.
//!
//! The user's cache folder keeps what is known of the upload, from before its creation until the command ends: the same
//! command resumes it and never uploads the file twice. The upload's address contains its own key, so that resuming
//! needs no password; the owner's sign-in renews an expired key. With `--wait`, the lecture's id is kept until it is
//! ready or has failed.

mod about;
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

use self::about::{About, Visibility};
use self::account::Account;
use self::address::Server;
use self::progress::UploadProgress;
use self::source::Source;
use self::state::{CreatedUpload, Kept, State};
use self::tus::{Refusal, Tus};
use self::waiting::{GOES_ON, Verdict};
use anyhow::{Result, anyhow, bail};
use serde::Deserialize;
use std::cell::Cell;
use std::io::{IsTerminal, Write, stderr};
use std::path::PathBuf;
use std::time::Duration;
use uuid::Uuid;

/// How long the end of the sign-in may take.
const SIGN_OUT: Duration = Duration::from_secs(5);

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
    /// Who may watch it without a course; default: private.
    #[arg(long, value_enum)]
    visibility: Option<Visibility>,
    /// Show the progress of the encoding, and wait until the lecture is ready. If interrupted, the same command waits on.
    #[arg(long)]
    wait: bool,
}

/// What the command is doing, which decides what an interruption means.
#[derive(Debug, Clone, Copy)]
enum UploadPhase {
    Uploading,
    Waiting,
}

/// Runs the command.
pub(crate) async fn run(args: UploadArgs) -> Result<()> {
    let server = Server::parse(&args.server)?;
    let source = Source::open(&args.file).await?;
    if args.email.is_none() && args.token.is_none() {
        bail!("give --email ADDRESS, or an access token with --token or MOOCFLIX_TOKEN");
    }
    let mut account = Account::new(&server, args.email, args.token, args.password_stdin)?;
    let phase = Cell::new(UploadPhase::Uploading);
    let upload = FileUpload {
        tus: Tus::new(&server)?,
        state: State::of(&server, &source)?,
        server,
        source,
        about: About {
            title: args.title,
            visibility: args.visibility,
        },
        phase: &phase,
    };
    let result = tokio::select! {
        result = upload.run(args.wait, &mut account) => result,
        _ = tokio::signal::ctrl_c() => Err(interrupted(phase.get())),
    };
    // a sign-in that can't be ended now expires on its own
    let _ = tokio::time::timeout(SIGN_OUT, account.sign_out()).await;
    result
}

fn interrupted(phase: UploadPhase) -> anyhow::Error {
    if stderr().is_terminal() {
        // the terminal has written `^C`
        note("");
    }
    match phase {
        UploadPhase::Uploading => anyhow!("interrupted; run the same command again to resume"),
        UploadPhase::Waiting => anyhow!("interrupted; {GOES_ON}"),
    }
}

/// One file on its way to one server.
struct FileUpload<'a> {
    server: Server,
    source: Source,
    state: State,
    tus: Tus,
    about: About,
    phase: &'a Cell<UploadPhase>,
}

impl FileUpload<'_> {
    /// Uploads the file, unless an earlier run has, and waits for the lecture if asked to.
    async fn run(&self, wait: bool, account: &mut Account) -> Result<()> {
        let kept = self.state.read();
        let resumes = matches!(kept, Some(Kept::Begun(_)));
        // only those who are signed in are told the lecture's link
        let signs_in = wait || !resumes || self.about.visibility == Some(Visibility::Link);
        if signs_in {
            // a password is asked for now or never: later, nobody may be there
            account.token().await?;
        }
        if resumes {
            note(if signs_in {
                "resuming the earlier upload"
            } else {
                "resuming the earlier upload; no password is needed"
            });
        }
        let (video_id, before) = match kept {
            Some(Kept::Uploaded { uploaded }) if account.video(&uploaded).await?.is_some() => (uploaded, true),
            Some(Kept::Begun(begun)) => (self.upload(begun, account).await?, false),
            Some(Kept::Asked { request, about }) => {
                let begun = self.create_again(request, about, account).await?;
                (self.upload(begun, account).await?, false)
            }
            Some(Kept::Uploaded { .. }) | None => {
                let begun = self.create(account).await?;
                (self.upload(begun, account).await?, false)
            }
        };
        if wait {
            self.phase.set(UploadPhase::Waiting);
            self.state.keep(&Kept::Uploaded {
                uploaded: video_id.clone(),
            })?;
        } else {
            self.state.forget();
        }
        let what = if before { "already uploaded" } else { "uploaded" };
        let address = self.address(&video_id, account).await;
        print(&format!("{what} {}: {address}", self.source.name))?;
        if wait {
            self.wait(&video_id, account).await?;
        }
        Ok(())
    }

    /// Where the lecture is watched: by its link, if it was to have one.
    async fn address(&self, video_id: &str, account: &mut Account) -> String {
        let mut address = self.server.lecture(video_id);
        if self.about.visibility == Some(Visibility::Link)
            && let Ok(Some(video)) = account.video(video_id).await
            && let Some(link) = video.share_url
            && let Ok(link) = self.server.join(&link)
        {
            address = link.into();
        }
        address
    }

    async fn wait(&self, video_id: &str, account: &mut Account) -> Result<()> {
        let verdict = waiting::until_settled(&self.server, video_id, account).await?;
        self.state.forget();
        match verdict {
            Verdict::Ready => Ok(()),
            Verdict::Failed(why) => bail!(why),
        }
    }

    /// Sends the file's bytes and returns the lecture's id.
    async fn upload(&self, mut begun: CreatedUpload, account: &mut Account) -> Result<String> {
        let (progress, _bar) = UploadProgress::new(self.source.length);
        let mut renewed = false;
        while let Err(refusal) = self.tus.send(&begun.url, &self.source, &progress).await {
            match refusal {
                // signing out everywhere revokes the key; its owner can get a new one
                Refusal::Key if !renewed => {
                    renewed = true;
                    match self.renew(&begun, account).await? {
                        Some(again) => begun = again,
                        None => return Ok(begun.video_id),
                    }
                }
                Refusal::Final(error) => {
                    self.state.forget();
                    return Err(error);
                }
                Refusal::Key => bail!("the server no longer accepts this upload"),
                Refusal::Later(error) => {
                    return Err(error.context("gave up for now; run the same command again to resume"));
                }
            }
        }
        progress.done();
        Ok(begun.video_id)
    }

    /// Creates an upload. The request's name is kept first, so that a repetition creates no second one.
    async fn create(&self, account: &mut Account) -> Result<CreatedUpload> {
        let request = Uuid::now_v7().to_string();
        self.state.keep(&Kept::Asked {
            request: request.clone(),
            about: self.about.clone(),
        })?;
        let token = account.token().await?;
        let created = self.tus.create(&self.source, &self.about, &request, &token).await;
        let begun = created.map_err(|refusal| self.not_created(refusal))?;
        self.state.keep(&Kept::Begun(begun.clone()))?;
        Ok(begun)
    }

    /// Repeats a request whose response an earlier run did not see.
    async fn create_again(&self, request: String, about: About, account: &mut Account) -> Result<CreatedUpload> {
        let token = account.token().await?;
        match self.tus.create(&self.source, &about, &request, &token).await {
            Ok(begun) => {
                self.state.keep(&Kept::Begun(begun.clone()))?;
                Ok(begun)
            }
            Err(Refusal::Key | Refusal::Final(_)) => self.create(account).await,
            Err(refusal @ Refusal::Later(_)) => Err(self.not_created(refusal)),
        }
    }

    fn not_created(&self, refusal: Refusal) -> anyhow::Error {
        match refusal {
            // the request's name stays known, because the server may have created the upload
            Refusal::Later(error) => error,
            Refusal::Final(error) => {
                self.state.forget();
                error
            }
            Refusal::Key => anyhow!("the server no longer accepts this upload"),
        }
    }

    /// Asks for a new address of an upload whose key is no longer accepted; creates a new upload if it is gone. `None`:
    /// the server has the whole file.
    async fn renew(&self, begun: &CreatedUpload, account: &mut Account) -> Result<Option<CreatedUpload>> {
        let Some(video) = account.video(&begun.video_id).await? else {
            return self.create(account).await.map(Some);
        };
        let Some(upload) = video.upload else {
            return Ok(None);
        };
        if upload.length.is_some_and(|length| length != self.source.length) {
            return self.create(account).await.map(Some);
        }
        let again = CreatedUpload {
            url: upload.url,
            video_id: begun.video_id.clone(),
        };
        self.state.keep(&Kept::Begun(again.clone()))?;
        Ok(Some(again))
    }
}

/// The fields of a video that the command reads.
#[derive(Debug, Deserialize)]
struct UploadingVideo {
    upload: Option<OpenUpload>,
    /// The lecture's link, if it is shared by one.
    share_url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct OpenUpload {
    url: String,
    length: Option<u64>,
}

/// Writes a line for people, beside the output.
fn note(line: &str) {
    // a note that cannot be written is no reason to stop
    let _ = writeln!(stderr(), "{line}");
}

fn print(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
