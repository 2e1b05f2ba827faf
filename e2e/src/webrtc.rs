//! Live lectures by WebRTC, and ffmpeg as one who publishes them.

use crate::api::{Account, Api};
use crate::process::until;
use crate::{settings, tools};
use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

const CODECS: &str = "-c:v libx264 -profile:v baseline -preset ultrafast -tune zerolatency -bf 0 -g 50 -pix_fmt yuv420p \
     -c:a libopus -ar 48000 -ac 2 -f whip";

/// A lecture that nobody publishes yet.
#[derive(Debug, Clone)]
pub struct Lecture {
    /// Who has announced it.
    pub owner: Account,
    /// Its id.
    pub id: String,
    /// Its stream key.
    pub key: String,
    /// The address to publish it.
    pub whip: String,
    /// The address to watch it.
    pub whep: String,
}

/// The pictures that are published.
#[derive(Debug, Clone, Copy)]
pub struct Pictures {
    /// Their width and height.
    pub size: &'static str,
    /// Kilobits a second.
    pub rate: u32,
}

/// Small ones.
pub const SMALL: Pictures = Pictures {
    size: "640x360",
    rate: 800,
};

impl Lecture {
    /// Announces a lecture.
    pub async fn announce(api: &Api, owner: Account) -> Result<Self> {
        let title = json!({ "title": "A live lecture" });
        let answer = api
            .json(Method::POST, "/api/v1/content/live", &owner.token, &title)
            .await?;
        let lecture = answer.expect(201)?.json();
        let text = |value: &Value| value.as_str().map(str::to_owned).with_context(|| format!("{lecture}"));
        let (id, key) = (text(&lecture["id"])?, text(&lecture["ingest"]["stream_key"])?);
        api.secret(&key);
        Ok(Self {
            whip: format!("{}{}", api.base, text(&lecture["ingest"]["whip_url"])?),
            whep: format!("{}/api/v1/content/live/{id}/whep", api.base),
            owner,
            id,
            key,
        })
    }

    /// The path of one of its routes.
    #[must_use]
    pub fn path(&self, end: &str) -> String {
        format!("/api/v1/content/live/{}{end}", self.id)
    }

    /// A request of the owner's that succeeds.
    pub async fn act(&self, api: &Api, method: Method, end: &str, body: &Value) -> Result<Value> {
        let request = api.request(method, &self.path(end)).bearer_auth(&self.owner.token);
        let answer = api
            .send(if body.is_null() { request } else { request.json(body) })
            .await?;
        Ok(answer.expect(200)?.json())
    }

    /// Publishes with ffmpeg's own WHIP, as long as the child lives.
    pub async fn with_ffmpeg(&self, bearer: &str, pictures: Pictures) -> Result<Child> {
        let code = "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())";
        let program = tools::output(Command::new(settings::python()?).args(["-c", code]), &[]).await?;
        let mut ffmpeg = Command::new(String::from_utf8(program)?.trim());
        let Pictures { size, rate } = pictures;
        ffmpeg.args("-hide_banner -loglevel error -re -f lavfi -i".split(' '));
        ffmpeg
            .arg(format!("testsrc2=size={size}:rate=25"))
            .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"])
            .args(["-b:v", &format!("{rate}k")])
            .args(CODECS.split_whitespace())
            .args(["-authorization", bearer, &self.whip])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Ok(ffmpeg.spawn()?)
    }

    /// Waits until the lecture is published, or until it is not.
    pub async fn is_published(&self, api: &Api, is: bool) -> Result<()> {
        until("a change of who publishes", Duration::from_secs(30), async || {
            let lecture = api.get(&self.path(""), &self.owner.token).await?.expect(200)?.json();
            Ok((lecture["publishing"] == is).then_some(()))
        })
        .await
    }
}
