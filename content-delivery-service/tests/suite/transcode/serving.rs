//! What a player gets of a lecture while it is encoded, and afterwards.

use super::lectures::Studio;
use super::player::{Player, segments, tag, variant};
use bytes::Bytes;
use fmp4::TICKS;
use renditions::ledger::Finding;
use renditions::models::plan::Work;
use renditions::models::publication::{Publication, Published};
use renditions::models::survey::{Survey, SurveyAudio};
use reqwest::Method;
use std::time::Duration;
use testing::until;

const FIVE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_rendition_grows_by_its_pieces_and_ends_as_a_whole() {
    for studio in Studio::on_each_engine().await {
        let video = studio.planned().await;
        let early = studio.ask_stream(video).await;
        early.is_problem(409, "not_playable");
        assert_eq!(early.header("retry-after"), "1");
        studio.encodes(video).await;
        studio.encodes(video).await;
        let mut player = Player::open(&studio, video).await;
        player.lists(&["1/audio", "1/240p"]).await;
        let index = player.text("index.m3u8").await;
        assert!(!index.contains("AVERAGE-BANDWIDTH"), "{index}");
        let first = player.grown("1/240p", 2).await;
        assert!(first.contains("#EXT-X-PLAYLIST-TYPE:EVENT\n"), "{first}");
        assert!(!first.contains("ENDLIST"));
        assert_eq!(tag(&first, "#EXT-X-TARGETDURATION:"), "5");
        let mut last = first.clone();
        for length in [4, 5] {
            player.plays("1/240p").await;
            while studio.encodes(video).await != Some(lowest(length)) {}
            let next = player.grown("1/240p", length).await;
            let (before, now) = (segments(&last).len(), segments(&next).len());
            assert!(now > before && segments(&next)[..before] == segments(&last)[..]);
            assert_eq!(tag(&next, "#EXT-X-TARGETDURATION:"), "5");
            if length < 5 {
                assert!(next.starts_with(last.as_str()), "lines are only added at the end");
            }
            last = next;
        }
        assert!(last.contains("#EXT-X-PLAYLIST-TYPE:VOD\n") && last.ends_with("#EXT-X-ENDLIST\n"));
        let rest = |text: &str| text.split_once("#EXT-X-MAP").unwrap().1.to_owned();
        assert!(rest(&last).starts_with(&rest(&first)));
        studio.encodes_all(video).await;
        player.lists(&["1/audio", "1/360p", "1/240p"]).await;
        for rendition in ["1/240p", "1/360p", "1/audio"] {
            let text = player.plays(rendition).await;
            assert!(
                segments(&text).len() == 5 && text.ends_with("#EXT-X-ENDLIST\n"),
                "{text}"
            );
        }
        let different: std::collections::BTreeSet<_> = player.seen.values().collect();
        assert_eq!(different.len(), player.seen.len(), "no two segments are the same bytes");
    }
}

/// The piece of the lowest rung with which it has so many segments.
fn lowest(length: usize) -> Work {
    Work::Piece {
        number: if length == 4 { 1 } else { 2 },
        rungs: vec!["240p".parse().unwrap()],
    }
}

#[tokio::test]
async fn the_lowest_of_equally_advanced_rungs_is_listed() {
    for studio in Studio::on_each_engine().await {
        let video = studio.planned().await;
        studio.encodes(video).await;
        studio.encodes(video).await;
        let higher = Work::Piece {
            number: 0,
            rungs: vec!["360p".parse().unwrap()],
        };
        let order = loop {
            let order = studio.claim().await.unwrap();
            if order.work == higher {
                break order;
            }
        };
        let pieces = studio.pieces(video, &order).await;
        studio.store(video, &order, &pieces).await;
        studio.publish(video, &order).await;
        let player = Player::open(&studio, video).await;
        let index = player.text("index.m3u8").await;
        assert!(index.contains("1/240p/"), "{index}");
    }
}

#[tokio::test]
async fn bandwidth_is_the_ceiling_until_it_can_be_measured() {
    for studio in Studio::on_each_engine().await {
        let video = studio.planned().await;
        let sound = studio.claim().await.unwrap();
        let pieces = studio.pieces(video, &sound).await;
        studio.store(video, &sound, &pieces).await;
        assert_eq!(sound.work, Work::Audio(0));
        let part = Publication {
            video,
            generation: 1,
            pieces: pieces[..1].to_vec(),
            failed: Vec::new(),
            finish: false,
        };
        let published = studio.service.publish(&part, &sound.task).await.unwrap();
        assert_eq!(published, Published::Done);
        studio.encodes(video).await;
        let player = Player::open(&studio, video).await;
        let index = player.text("index.m3u8").await;
        let plan = studio.service.plan(video, 1).await.unwrap().unwrap();
        let rung = plan.rung("240p").unwrap();
        // The sound's 50,000 bytes in 5 s are below what it may be.
        let promised = rung.bit_rate + 153_600;
        let shape = format!("RESOLUTION={}x240,FRAME-RATE=25.000", rung.width);
        let line = variant(&index, "1/240p");
        assert!(line.contains(&format!(":BANDWIDTH={promised},CODECS=")), "{line}");
        assert!(line.contains(&shape) && line.contains("AUDIO=\"audio\""), "{line}");
        let rest = Publication {
            pieces: pieces[1..].to_vec(),
            finish: true,
            ..part
        };
        studio.service.publish(&rest, &sound.task).await.unwrap();
        studio.encodes_all(video).await;
        player.lists(&["1/audio", "1/360p", "1/240p"]).await;
        let index = player.text("index.m3u8").await;
        for rendition in ["1/240p", "1/360p"] {
            let line = variant(&index, rendition);
            assert!(line.contains(":BANDWIDTH=160000,AVERAGE-BANDWIDTH=160000,"), "{line}");
        }
    }
}

#[tokio::test]
async fn growing_playlists_are_cached_for_a_moment_and_complete_ones_for_a_minute() {
    for studio in Studio::on_each_engine().await {
        let video = studio.planned().await;
        studio.encodes(video).await;
        studio.encodes(video).await;
        let player = Player::open(&studio, video).await;
        let kept = async |path: &str| {
            let reply = player.ask(path).await;
            reply.is(200).header("cache-control").to_owned()
        };
        assert_eq!(kept("index.m3u8").await, "private, max-age=1");
        assert_eq!(kept("1/240p/media.m3u8").await, "private, max-age=1");
        assert_eq!(kept("1/audio/media.m3u8").await, "private, max-age=60");
        let tag = player.ask("1/240p/media.m3u8").await.header("etag").to_owned();
        studio.encodes_all(video).await;
        player.grown("1/240p", 5).await;
        player.lists(&["1/audio", "1/360p", "1/240p"]).await;
        assert_eq!(kept("1/240p/media.m3u8").await, "private, max-age=60");
        until("the index is final", || async {
            kept("index.m3u8").await == "private, max-age=60"
        })
        .await;
        assert_ne!(player.ask("1/240p/media.m3u8").await.header("etag"), tag);
        let mut tags = std::collections::BTreeSet::new();
        for rendition in ["240p", "360p", "audio"] {
            for file in ["init.mp4", "0.m4s", "1.m4s"] {
                let reply = player.ask(&format!("1/{rendition}/{file}")).await;
                assert!(tags.insert(reply.header("etag").to_owned()), "{rendition}/{file}");
            }
        }
    }
}

#[tokio::test]
async fn segments_that_another_node_has_just_listed_are_served() {
    for studio in Studio::on_each_engine().await {
        let video = studio.planned().await;
        studio.encodes(video).await;
        studio.encodes(video).await;
        let mut player = Player::open(&studio, video).await;
        // This node looks now, and would not look again for a while.
        player.grown("1/240p", 2).await;
        while studio.encodes(video).await != Some(lowest(4)) {}
        player.bytes("1/240p/3.m4s").await;
        for missing in [
            "1/240p/5.m4s",
            "1/240p/4294967295.m4s",
            "1/480p/0.m4s",
            "2/240p/0.m4s",
            "1/audio-2/0.m4s",
        ] {
            player.ask(missing).await.is(404);
        }
        player.ask("1/240p/4.m4s").await.is(404);
        studio.encodes_all(video).await;
        player.grown("1/240p", 5).await;
        player.bytes("1/240p/4.m4s").await;
    }
}

#[tokio::test]
async fn hot_and_complete_renditions_are_served_without_the_database() {
    for studio in Studio::on_each_engine().await {
        let video = studio.planned().await;
        studio.encodes(video).await;
        studio.encodes(video).await;
        let mut player = Player::open(&studio, video).await;
        player.bytes("1/240p/0.m4s").await;
        let growing = player.grown("1/240p", 2).await;
        assert!(!growing.contains("ENDLIST"));
        player.text("1/audio/media.m3u8").await;
        studio.server.db.close().await;
        player.bytes("1/240p/0.m4s").await;
        player.bytes("1/240p/1.m4s").await;
        player.bytes("1/240p/init.mp4").await;
        player.plays("1/audio").await;
        until("what grows is not known any more", || async {
            player.ask("1/240p/media.m3u8").await.status == 503
        })
        .await;
        player.bytes("1/240p/1.m4s").await;
    }
}

#[tokio::test]
async fn a_new_ladder_is_listed_when_it_is_complete_and_the_old_one_still_plays() {
    for studio in Studio::on_each_engine().await {
        let video = studio.planned().await;
        studio.encodes_all(video).await;
        let mut player = Player::open(&studio, video).await;
        let first = ["1/audio", "1/360p", "1/240p"];
        player.lists(&first).await;
        for rendition in first {
            player.plays(rendition).await;
        }
        studio.server.clock.advance(FIVE);
        studio.request(video, r#"{"renditions": ["240p"]}"#).await.is(202);
        for _ in 0..3 {
            studio.encodes(video).await.unwrap();
            assert_eq!(player.listed().await, first);
        }
        studio.encodes_all(video).await;
        let second = ["2/audio", "2/360p", "2/240p"];
        player.lists(&second).await;
        for rendition in first.iter().chain(&second) {
            player.plays(rendition).await;
        }
        let different: std::collections::BTreeSet<_> = player.seen.iter().filter(is_segment).map(|(_, b)| b).collect();
        assert_eq!(different.len(), 30, "the new ladder's bytes are its own");
        // What was in memory is gone in a new process.
        let seen = player.seen;
        let (
            base,
            Studio {
                server,
                person,
                queue,
                service,
            },
        ) = (player.base, studio);
        let server = server.restarted(|_| ()).await;
        let studio = Studio {
            server,
            person,
            queue,
            service,
        };
        let mut again = Player {
            studio: &studio,
            base,
            seen,
        };
        for rendition in first.iter().chain(&second) {
            again.plays(rendition).await;
        }
    }
}

fn is_segment((path, _): &(&String, &Bytes)) -> bool {
    path.ends_with(".m4s")
}

#[tokio::test]
async fn a_deleted_lecture_is_refused_in_every_rendition() {
    for studio in Studio::on_each_engine().await {
        let video = studio.planned().await;
        studio.encodes_all(video).await;
        let mut player = Player::open(&studio, video).await;
        player.lists(&["1/audio", "1/360p", "1/240p"]).await;
        let mut playlists = vec!["index.m3u8".to_owned()];
        for rendition in ["1/audio", "1/360p", "1/240p"] {
            player.plays(rendition).await;
            playlists.push(format!("{rendition}/media.m3u8"));
        }
        let server = &studio.server;
        let gone = server
            .ask(
                &studio.person,
                Method::DELETE,
                &format!("/api/v1/content/{video}/delete"),
            )
            .await;
        gone.is(202);
        until("it is dark", || async { player.ask("index.m3u8").await.status == 403 }).await;
        for path in player.seen.keys().chain(&playlists) {
            let reply = player.ask(path).await;
            reply.is(403);
            assert!(reply.text.is_empty(), "{path}");
        }
        server.emptied().await;
    }
}

#[tokio::test]
async fn every_sound_is_listed_by_its_language() {
    for studio in Studio::on_each_engine().await {
        let survey = Survey {
            audio: vec![sound(1, Some("eng")), sound(2, Some("und")), sound(3, Some("deu"))],
            ..super::lectures::survey()
        };
        let video = studio.uploaded().await;
        studio.found(video, &Finding::Surveyed(&survey)).await;
        studio.encodes_all(video).await;
        let mut player = Player::open(&studio, video).await;
        player
            .lists(&["1/audio", "1/audio-2", "1/audio-3", "1/360p", "1/240p"])
            .await;
        let index = player.text("index.m3u8").await;
        let sounds: Vec<&str> = index.lines().filter(|line| line.starts_with("#EXT-X-MEDIA")).collect();
        for (line, expected) in sounds.iter().zip([
            "NAME=\"eng\",LANGUAGE=\"eng\",DEFAULT=YES",
            "NAME=\"Audio\",DEFAULT=NO",
            "NAME=\"deu\",LANGUAGE=\"deu\",DEFAULT=NO",
        ]) {
            assert!(line.contains(expected), "{line}");
        }
        for rendition in ["1/audio", "1/audio-2", "1/audio-3"] {
            assert_eq!(segments(&player.plays(rendition).await).len(), 5);
        }
    }
}

#[tokio::test]
async fn sound_alone_is_a_variant_that_grows() {
    for studio in Studio::on_each_engine().await {
        let survey = Survey {
            video: None,
            audio: vec![sound(0, None)],
            ..super::lectures::survey()
        };
        let video = studio.uploaded().await;
        studio.found(video, &Finding::Surveyed(&survey)).await;
        studio.encodes_all(video).await;
        let mut player = Player::open(&studio, video).await;
        player.lists(&["1/audio"]).await;
        let index = player.text("index.m3u8").await;
        assert!(variant(&index, "1/audio").contains("CODECS=\"mp4a.40.2\""), "{index}");
        assert_eq!(segments(&player.plays("1/audio").await).len(), 5);
    }
}

#[tokio::test]
async fn a_failed_rendition_is_not_listed_beside_others() {
    for studio in Studio::on_each_engine().await {
        let video = studio.uploaded().await;
        studio
            .found(video, &Finding::Surveyed(&super::lectures::survey_of(60)))
            .await;
        let piece = |number| {
            let rungs = vec!["360p".parse().unwrap()];
            Some(Work::Piece { number, rungs })
        };
        while studio.encodes(video).await != piece(0) {}
        let player = Player::open(&studio, video).await;
        assert_eq!(player.listed().await, ["1/audio", "1/240p"], "its speed is not known");
        while studio.encodes(video).await != piece(2) {}
        player.lists(&["1/audio", "1/240p", "1/360p"]).await;
        player.text("1/360p/media.m3u8").await;
        studio.fail(video, &["360p"]).await;
        player.lists(&["1/audio", "1/240p"]).await;
    }
}

fn sound(stream: u32, language: Option<&str>) -> SurveyAudio {
    SurveyAudio {
        stream,
        codec: "opus".to_owned(),
        channels: 2,
        sample_rate: 48_000,
        language: language.map(str::to_owned),
        end: 25 * u64::from(TICKS),
        silences: Vec::new(),
        stretches: Vec::new(),
    }
}

#[tokio::test]
async fn a_source_that_stays_is_the_top_of_its_ladder() {
    for mut studio in Studio::on_each_engine().await {
        let video = studio.instant(&[90, 120, 240]).await;
        let mut player = Player::open(&studio, video).await;
        player.lists(&["0/audio", "0/source"]).await;
        assert_eq!(
            player.ask("index.m3u8").await.header("cache-control"),
            "private, max-age=1"
        );
        for _ in 0..3 {
            studio.encodes(video).await;
        }
        player.lists(&["0/audio", "0/source", "1/120p", "1/90p"]).await;
        let source = player.text("0/source/media.m3u8").await;
        studio.encodes_all(video).await;
        player.grown("1/90p", segments(&source).len()).await;
        player.lists(&["0/audio", "0/source", "1/120p", "1/90p"]).await;
        let rung = player.plays("1/90p").await;
        let lengths = |text: &str| {
            let lines = text.lines().filter_map(|line| line.strip_prefix("#EXTINF:"));
            lines
                .map(|line| line.trim_end_matches(',').parse::<f64>().unwrap())
                .collect::<Vec<_>>()
        };
        let pairs = lengths(&source).into_iter().zip(lengths(&rung));
        assert!(pairs.into_iter().all(|(one, other)| (one - other).abs() < 0.001));
        player.ask("1/audio/media.m3u8").await.is(404);
        player.ask("0/audio/0.m4s").await.is(200);
    }
}

#[tokio::test]
async fn a_source_above_the_cap_is_listed_until_its_rungs_are_complete() {
    for mut studio in Studio::on_each_engine().await {
        let video = studio.instant(&[90, 120]).await;
        let player = Player::open(&studio, video).await;
        for _ in 0..3 {
            studio.encodes(video).await;
        }
        player.lists(&["0/audio", "0/source", "1/120p", "1/90p"]).await;
        studio.encodes_all(video).await;
        player.lists(&["0/audio", "1/120p", "1/90p"]).await;
        // Who plays it already goes on.
        player.ask("0/source/media.m3u8").await.is(200);
        player.ask("0/source/0.m4s").await.is(200);
    }
}

#[tokio::test]
async fn a_source_that_needs_no_ladder_is_served_as_it_is() {
    for mut studio in Studio::on_each_engine().await {
        let video = studio.instant(&[240]).await;
        let player = Player::open(&studio, video).await;
        player.lists(&["0/audio", "0/source"]).await;
        assert_eq!(
            player.ask("index.m3u8").await.header("cache-control"),
            "private, max-age=60"
        );
        player.ask("1/240p/media.m3u8").await.is(404);
    }
}
