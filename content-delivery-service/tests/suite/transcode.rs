mod lectures;
mod player;
mod serving;

use crate::server::film;
use crate::videos::watch_events::Events;
use contracts::{EventData, VideoId};
use lectures::{Studio, path, rungs, states};
use renditions::ledger::Finding;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testing::Person;

#[tokio::test]
async fn the_details_show_how_far_each_rendition_is_and_how_long_the_rest_takes() {
    for studio in Studio::on_each_engine().await {
        let video = studio.planned().await;
        let waiting = studio.details(video).await;
        assert_eq!(
            (&waiting["status"], &waiting["progress"]),
            (&json!("processing"), &json!(0.0))
        );
        assert_eq!(states(&waiting), ["360p waiting", "240p waiting", "audio waiting"]);
        assert_eq!(waiting["time_left"], Value::Null);

        studio.encode(video, 2).await; // the sound and the lowest rung's first ten seconds
        let order = studio.claim().await.unwrap();
        assert!(studio.tell(video, &order, 5).await);
        let playable = studio.details(video).await;
        assert_eq!(playable["status"], "playable");
        let lowest = ("240p".to_owned(), "encoding".to_owned(), 0.6);
        assert_eq!(
            rungs(&playable)[1],
            lowest,
            "ten seconds are published, five more are encoded, of 25"
        );
        let (share, left) = (playable["progress"].as_f64().unwrap(), &playable["time_left"]);
        assert!((0.1..0.9).contains(&share), "{share}");
        let expected = (2.0 * (1.0 - share) / share).round(); // two seconds went into it
        assert!(
            (left.as_f64().unwrap() - expected).abs() <= 1.0,
            "{left} is not {expected}"
        );

        let asked = studio.transcode(video).await;
        assert_eq!(asked["video_id"], video.to_string());
        for field in ["progress", "renditions", "time_left"] {
            assert_eq!(asked[field], playable[field], "{field}");
        }
        let list = studio.server.ask(&studio.person, Method::GET, "/api/v1/content").await;
        assert_eq!(list.json["items"][0], playable);

        studio.server.clock.advance(Duration::from_secs(120));
        let still = studio.details(video).await;
        assert_eq!(still["time_left"], Value::Null, "the encoder is silent");
        assert_eq!(rungs(&still)[1].2, 0.4, "and its reported progress no longer counts");

        studio.server.clock.advance(Duration::from_secs(1));
        studio.encode_all(video).await;
        let ready = studio.details(video).await;
        assert_eq!((&ready["status"], &ready["progress"]), (&json!("ready"), &json!(1.0)));
        assert_eq!(ready["time_left"], Value::Null);
        assert_eq!(states(&ready), ["360p ready", "240p ready", "audio ready"]);
    }
}

#[tokio::test]
async fn the_progress_of_encoders_is_seen_in_the_events_and_by_clients_with_an_old_version() {
    for studio in Studio::on_each_engine().await {
        let (server, video) = (&studio.server, studio.planned().await);
        let events = format!("/api/v1/content/{video}/events");
        let mut events = Events::open(server, &studio.person, &events).await;
        assert_eq!(events.next().await.unwrap()["progress"], 0.0);
        let known = server.details(&studio.person, &video.to_string()).await;
        let order = studio.claim().await.unwrap();
        assert!(studio.tell(video, &order, 10).await);
        let event = events.next().await.unwrap();
        assert_eq!(rungs(&event)[2], ("audio".to_owned(), "encoding".to_owned(), 0.4));
        let again = server.request(Method::GET, &format!("/api/v1/content/{video}"));
        let again = again.header("if-none-match", known.header("etag"));
        let again = server.send(again.bearer_auth(server.token(&studio.person))).await;
        assert_eq!(again.is(200).json, event);
    }
}

#[tokio::test]
async fn owners_and_admins_request_transcoding_and_wrong_bodies_are_refused() {
    for studio in Studio::on_each_engine().await {
        let server = &studio.server;
        let video = studio.planned().await;
        for stranger in [Person::instructor(), Person::learner()] {
            for method in [Method::POST, Method::GET] {
                let reply = server.ask(&stranger, method, &path(video)).await;
                reply.is_problem(404, "video_not_found");
            }
        }
        let admin = Person::admin();
        server.ask(&admin, Method::POST, &path(video)).await.is(202);
        let nobody = server.send(server.request(Method::POST, &path(video))).await;
        nobody.is_problem(401, "unauthenticated");

        studio.request(video, "{").await.is_problem(400, "malformed_json");
        for wrong in ["[]", "{\"rungs\": []}", "{\"renditions\": \"240p\"}"] {
            studio.request(video, wrong).await.is_problem(422, "invalid_request");
        }
        let text = server.request(Method::POST, &path(video)).body("240p");
        let text = server.send(text.bearer_auth(server.token(&studio.person))).await;
        text.is_problem(415, "unsupported_media_type");
        let unknown = studio.request(video, r#"{"renditions": ["240p", "720p"]}"#).await;
        unknown.is_problem(422, "invalid_request");
        assert_eq!(unknown.json["errors"][0]["field"], "renditions[1]");
        for good in [
            "",
            "{}",
            r#"{"renditions": null}"#,
            r#"{"renditions": []}"#,
            r#"{"renditions": ["240p"]}"#,
        ] {
            let reply = studio.request(video, good).await;
            assert_eq!(reply.is(202).json, studio.transcode(video).await, "{good}");
        }

        let path = format!("/api/v1/content/{video}/delete");
        server.ask(&studio.person, Method::DELETE, &path).await.is(202);
        for method in [Method::POST, Method::GET] {
            studio.ask(method, video).await.is_problem(410, "video_deleted");
        }
    }
}

#[tokio::test]
async fn nothing_is_transcoded_during_the_upload() {
    for studio in Studio::on_each_engine().await {
        let location = studio.server.begin(&studio.person, 900).await;
        studio.server.patch(&location, 0, &film(900)[..500]).await.is(204);
        let path = location.replace("/upload/", "/");
        let path = format!("{}/transcode", path.split('?').next().unwrap());
        for method in [Method::POST, Method::GET] {
            let reply = studio.server.ask(&studio.person, method, &path).await;
            reply.is_problem(409, "not_uploaded");
        }
    }
}

#[tokio::test]
async fn requesting_what_is_already_planned_changes_nothing() {
    for studio in Studio::on_each_engine().await {
        let video = studio.planned().await;
        let waiting = studio.to_encode().await;
        let before = studio.details(video).await;
        for _ in 0..3 {
            studio.ask(Method::POST, video).await.is(202);
        }
        assert_eq!(studio.details(video).await, before);
        assert_eq!(studio.to_encode().await, waiting);
        let scanning = studio.uploaded().await;
        studio.ask(Method::POST, scanning).await.is(202);
        assert_eq!(studio.waiting("scan").await, 1);
    }
}

#[tokio::test]
async fn a_rung_that_failed_is_tried_again() {
    for studio in Studio::on_each_engine().await {
        let video = studio.planned().await;
        studio.fail(video, &["360p"]).await;
        let failed = studio.details(video).await;
        assert_eq!(failed["status"], "ready", "nothing is left to do");
        assert_eq!(failed["reason"]["code"], "encoder_failed");
        assert_eq!(states(&failed), ["360p failed", "240p ready", "audio ready"]);
        let reasons: Vec<&Value> = (0..3).map(|n| &failed["renditions"][n]["reason"]["code"]).collect();
        assert_eq!(reasons, [&json!("encoder_failed"), &Value::Null, &Value::Null]);

        let reply = studio.ask(Method::POST, video).await;
        assert_eq!(
            states(&reply.is(202).json),
            ["360p waiting", "240p ready", "audio ready"]
        );
        let again = studio.details(video).await;
        assert_eq!((&again["status"], &again["reason"]), (&json!("playable"), &Value::Null));
        assert_eq!(studio.encode_all(video).await, 3, "only what failed is encoded again");
        assert_eq!(studio.details(video).await["status"], "ready");
    }
}

#[tokio::test]
async fn admins_find_failed_lectures_of_all_owners() {
    for studio in Studio::on_each_engine().await {
        let partly = studio.planned().await;
        studio.fail(partly, &["360p"]).await;
        let well = studio.planned().await;
        studio.encode_all(well).await;
        let whole = studio.uploaded().await;
        studio
            .found(whole, &Finding::Unusable("survey_failed", "it broke off"))
            .await;
        let admin = Person::admin();
        let list = async |person: &Person, query: &str| {
            let answer = studio
                .server
                .ask(person, Method::GET, &format!("/api/v1/content?{query}"))
                .await;
            let items = answer.is(200).json["items"].as_array().cloned().unwrap();
            let ids = items.iter().map(|video| video["id"].as_str().unwrap().to_owned());
            ids.collect::<Vec<_>>()
        };
        let ids = |videos: &[VideoId]| videos.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(list(&admin, "owner=all").await, ids(&[whole, well, partly]));
        assert_eq!(list(&admin, "owner=all&failed=true").await, ids(&[whole, partly]));
        assert_eq!(list(&admin, "owner=all&status=failed").await, ids(&[whole]));
        assert_eq!(list(&admin, "failed=true").await, ids(&[]), "they have none themselves");
        assert_eq!(
            list(&studio.person, "owner=me&failed=true").await,
            ids(&[whole, partly])
        );
        studio
            .server
            .ask(&studio.person, Method::GET, "/api/v1/content?owner=all")
            .await
            .is_problem(403, "admin_required");

        studio.ask(Method::POST, partly).await.is(202);
        assert_eq!(
            list(&admin, "owner=all&failed=true").await,
            ids(&[whole]),
            "it is on its way"
        );
    }
}

#[tokio::test]
async fn a_lecture_that_failed_as_a_whole_is_tried_again_without_what_is_there() {
    for studio in Studio::on_each_engine().await {
        let video = studio.planned().await;
        studio.fail(video, &["240p", "360p"]).await;
        let failed = studio.details(video).await;
        assert_eq!(
            (&failed["status"], &failed["reason"]["code"]),
            (&json!("failed"), &json!("encoder_failed"))
        );
        assert_eq!(studio.to_encode().await, 0);

        studio.ask(Method::POST, video).await.is(202);
        let again = studio.details(video).await;
        assert_eq!(again["status"], "processing");
        assert_eq!(again["reason"]["code"], "needs_transcoding");
        assert_eq!(states(&again)[..2], ["360p waiting", "240p waiting"]);
        let sound = usize::from(states(&again)[2] != "audio ready");
        assert_eq!(studio.encode_all(video).await, 6 + sound);
        let ready = studio.details(video).await;
        assert_eq!((&ready["status"], &ready["reason"]), (&json!("ready"), &Value::Null));
    }
}

#[tokio::test]
async fn a_source_that_could_not_be_read_is_surveyed_again() {
    for studio in Studio::on_each_engine().await {
        let video = studio.uploaded().await;
        studio
            .found(video, &Finding::Unusable("survey_failed", "it broke off"))
            .await;
        assert_eq!(studio.details(video).await["status"], "failed");
        assert_eq!(studio.transcode(video).await["progress"], 0.0);
        let unknown = studio.request(video, r#"{"renditions": ["240p"]}"#).await;
        unknown.is_problem(422, "invalid_request");
        for _ in 0..2 {
            studio.ask(Method::POST, video).await.is(202);
            let again = studio.details(video).await;
            assert_eq!(
                (&again["status"], &again["reason"]),
                (&json!("processing"), &Value::Null)
            );
            assert_eq!(studio.waiting("scan").await, 1);
        }
        studio
            .found(video, &Finding::Unusable("survey_failed", "it broke off"))
            .await;
        assert_eq!(studio.details(video).await["status"], "failed");
    }
}

#[tokio::test]
async fn a_ready_lecture_is_encoded_again_only_when_renditions_are_named() {
    for studio in Studio::on_each_engine().await {
        let video = studio.planned().await;
        let all = studio.encode_all(video).await;
        let before = studio.details(video).await;
        studio.ask(Method::POST, video).await.is(202);
        assert_eq!((studio.details(video).await, studio.to_encode().await), (before, 0));

        for _ in 0..2 {
            let redo = studio.request(video, r#"{"renditions": ["240p", "audio"]}"#).await;
            assert_eq!(redo.is(202).json["progress"], 0.0);
            assert_eq!(states(&redo.json), ["360p waiting", "240p waiting", "audio waiting"]);
            let shown = studio.details(video).await;
            assert_eq!((&shown["status"], &shown["progress"]), (&json!("ready"), &json!(1.0)));
            assert_eq!(
                states(&shown),
                ["360p ready", "240p ready", "audio ready"],
                "the old ones are served"
            );
        }
        assert_eq!(studio.count("SELECT COUNT(*) FROM plans").await, 2);
        assert_eq!(studio.encode_all(video).await, all);
        assert_eq!(studio.transcode(video).await["progress"], 1.0);
        assert_eq!(studio.count("SELECT MAX(generation) FROM videos").await, 2);
        assert_eq!(studio.details(video).await["status"], "ready");
    }
}

#[tokio::test]
async fn a_lecture_that_could_not_be_encoded_again_stays_as_it_was_and_reports_the_reason() {
    for studio in Studio::on_each_engine().await {
        let video = studio.planned().await;
        let all = studio.encode_all(video).await;
        studio.request(video, r#"{"renditions": ["240p"]}"#).await.is(202);
        studio.give_up(video, 2).await;
        let shown = studio.details(video).await;
        assert_eq!(
            (&shown["status"], &shown["reason"]["code"]),
            (&json!("ready"), &json!("encoder_failed"))
        );
        assert_eq!(states(&shown), ["360p ready", "240p ready", "audio ready"]);
        let anew = studio.transcode(video).await;
        assert_eq!(anew["renditions"][1]["reason"]["code"], "encoder_failed", "{anew}");
        let failed = async || {
            let answer = studio
                .server
                .ask(&studio.person, Method::GET, "/api/v1/content?failed=true")
                .await;
            answer.is(200).json["items"].as_array().unwrap().len()
        };
        assert_eq!(failed().await, 1);

        studio.ask(Method::POST, video).await.is(202);
        assert_eq!(
            (studio.details(video).await["reason"].clone(), failed().await),
            (Value::Null, 0)
        );
        assert_eq!(studio.encode_all(video).await, all, "the new plan is made after all");
        assert_eq!(studio.count("SELECT MAX(generation) FROM videos").await, 2);
        assert_eq!(studio.details(video).await["reason"], Value::Null);
    }
}

#[tokio::test]
async fn a_lecture_that_is_ready_without_a_plan_stays_ready_while_it_is_surveyed() {
    for studio in Studio::on_each_engine().await {
        let video = studio.uploaded().await;
        assert!(studio.queue.claim(&["scan"]).await.unwrap().is_some());
        let mut tx = studio.server.db.write().await.unwrap();
        for sql in [
            "UPDATE videos SET status = 'ready'",
            "UPDATE tasks SET state = 'done', live_key = NULL",
        ] {
            tx.run(sql, backing::args![]).await.unwrap();
        }
        tx.commit().await.unwrap();
        for _ in 0..2 {
            studio.ask(Method::POST, video).await.is(202);
            assert_eq!(studio.details(video).await["status"], "ready");
            assert_eq!(studio.waiting("scan").await, 1);
        }
    }
}

#[tokio::test]
async fn a_request_that_changes_something_is_published_once() {
    for studio in Studio::on_each_engine().await {
        let video = studio.planned().await;
        studio.fail(video, &["360p"]).await;
        let mut published = studio.server.events();
        for _ in 0..3 {
            studio.ask(Method::POST, video).await.is(202);
        }
        let delete = format!("/api/v1/content/{video}/delete");
        studio.server.ask(&studio.person, Method::DELETE, &delete).await.is(202);
        let mut requests = 0;
        loop {
            let event = tokio::time::timeout(Duration::from_secs(20), published.recv()).await;
            match event.unwrap().unwrap().data {
                EventData::VideoTranscodeRequested(_) => requests += 1,
                EventData::VideoDeleted(_) => break,
                _ => {}
            }
        }
        assert_eq!(requests, 1);
    }
}

/// The fewest reading statements that a list took; the server reads in the background, too.
async fn statements(studio: &Studio, lectures: usize) -> u64 {
    let mut fewest = u64::MAX;
    for _ in 0..10 {
        let before = studio.server.db.statements();
        let list = studio
            .server
            .ask(&studio.person, Method::GET, "/api/v1/content?limit=100")
            .await;
        assert_eq!(list.is(200).json["items"].as_array().unwrap().len(), lectures);
        fewest = fewest.min(studio.server.db.statements() - before);
    }
    fewest
}

#[tokio::test]
async fn a_page_of_lectures_takes_as_many_statements_as_one_of_each_kind() {
    for studio in Studio::on_each_engine().await {
        studio.server.begin(&studio.person, 900).await;
        studio.planned().await;
        let one = statements(&studio, 2).await;
        for _ in 0..18 {
            studio.server.begin(&studio.person, 900).await;
            studio.planned().await;
        }
        assert_eq!(statements(&studio, 38).await, one);
    }
}
