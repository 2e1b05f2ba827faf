//! Publishing pieces, and reporting progress.

use super::*;
use crate::models::published::PublishedRendition;

#[tokio::test]
async fn a_worker_that_lost_its_task_publishes_nothing() {
    for house in House::on_each_engine().await {
        let (slow, work) = house.claim_work("audio-0").await;
        let before = house.video().await;
        house.clock.advance(LEASE + Duration::from_secs(1));
        let (other, same) = house.claim_work("audio-0").await;
        assert_eq!((same.key(), slow.id), (work.key(), other.id), "{}", house.database.name);
        let publication = house.publication(&work);
        for finish in [true, false] {
            let publication = Publication {
                finish,
                ..publication.clone()
            };
            assert_eq!(house.publish(&publication, &slow).await, Published::Overtaken);
        }
        assert_eq!((house.rows("pieces").await, house.video().await), (0, before));
        assert_eq!(house.publish(&publication, &other).await, Published::Done);
        assert_eq!(
            house.publish(&publication, &other).await,
            Published::Overtaken,
            "it is done"
        );
        assert_eq!(house.rows("pieces").await, 3);
        let fences = house.plans.referenced(house.video, 1).await.unwrap();
        assert!(fences.iter().all(|(_, _, fence)| *fence == other.fence));
    }
}

#[tokio::test]
async fn a_lecture_whose_second_piece_comes_first_can_be_watched_once_its_first_one_is_there() {
    for house in House::on_each_engine().await {
        let mut claimed = Vec::new();
        while let Some(one) = house.try_claim().await {
            claimed.push(one);
        }
        let mut published = Vec::new();
        for key in ["audio-0", "240p-1", "240p-0"] {
            let (task, work) = claimed.iter().find(|(_, work)| work.key() == key).unwrap();
            assert_eq!(house.publish(&house.publication(work), task).await, Published::Done);
            let video = house.video().await;
            published.push((video.status, video.playable_at.is_some()));
        }
        let not_yet = (Status::Processing, false);
        let expected = [not_yet, not_yet, (Status::Playable, true)];
        assert_eq!(published, expected, "{}", house.database.name);
    }
}

#[tokio::test]
async fn a_piece_that_needs_another_init_segment_is_not_published_nor_is_what_comes_with_it() {
    for house in House::on_each_engine().await {
        let (task, work) = house.claim_work("240p-0").await;
        assert_eq!(house.publish(&house.publication(&work), &task).await, Published::Done);
        let before = house.video().await;
        let (task, _) = house.claim_work("240p-1").await;
        let mut other = piece(&house.plan, &"240p".parse().unwrap(), 1);
        other.init.push(1);
        let publication = Publication {
            video: house.video,
            generation: 1,
            pieces: vec![piece(&house.plan, &"360p".parse().unwrap(), 1), other],
            failed: Vec::new(),
            finish: true,
        };
        let refused = Published::OtherParameters {
            rendition: "240p".parse().unwrap(),
        };
        assert_eq!(
            house.publish(&publication, &task).await,
            refused,
            "{}",
            house.database.name
        );
        assert_eq!((house.rows("pieces").await, house.video().await), (1, before));
        let ladders = LadderRepository::new(house.database.db.clone());
        let ladder = ladders.read(house.video, 1).await.unwrap().unwrap();
        assert!(ladder.rendition(&"360p".parse().unwrap()).is_none());
        let mut held = house.database.db.write().await.unwrap();
        assert!(
            task.is_held_in(&mut held).await.unwrap(),
            "the task is still the worker's"
        );
    }
}

#[tokio::test]
async fn a_piece_that_meets_a_deletion_gives_way_to_it() {
    for house in House::on_each_engine().await {
        let (task, work) = house.claim().await;
        let publication = house.publication(&work);
        let mut tx = house.database.db.write().await.unwrap();
        let sql = "UPDATE videos SET status = 'deleted' WHERE id = $1";
        tx.run(sql, args![house.video]).await.unwrap();
        let deletion = async {
            house.until_one_waits().await;
            tasks::cancel_subject(&mut tx, house.video.0, NOW).await.unwrap();
            tx.commit().await.unwrap();
        };
        let (published, ()) = tokio::join!(house.publish(&publication, &task), deletion);
        assert_eq!(published, Published::Overtaken, "{}", house.database.name);
        assert_eq!((house.rows("pieces").await, house.living().await), (0, 0));
    }
}

#[tokio::test]
async fn a_lecture_becomes_playable_and_ready_once_each() {
    for house in House::on_each_engine().await {
        let (mut statuses, mut changes) = (Vec::new(), Vec::new());
        for _ in 0..house.plan.tasks().len() {
            let (task, work) = house.claim().await;
            house.clock.advance(Duration::from_secs(1));
            assert_eq!(house.publish(&house.publication(&work), &task).await, Published::Done);
            let video = house.video().await;
            statuses.push((work.key(), video.status));
            changes.push(video.changes);
            assert_eq!(video.reason.is_none(), video.status.can_be_watched());
        }
        let first = statuses.iter().position(|(_, status)| *status == Status::Playable);
        assert_eq!(first, Some(1), "{}: {statuses:?}", house.database.name);
        let mut begun: Vec<&str> = statuses[..2].iter().map(|(key, _)| key.as_str()).collect();
        begun.sort_unstable();
        assert_eq!(begun, ["240p-0", "audio-0"], "a rung and every sound have begun");
        let ready = statuses.iter().position(|(_, status)| *status == Status::Ready);
        assert_eq!(ready, Some(statuses.len() - 1));
        assert_eq!(house.events().await, ["playable", "ready"]);
        assert!(changes.is_sorted_by(|one, next| one < next));
        let video = house.video().await;
        assert_eq!(
            (video.playable_at, video.ready_at),
            (Some(NOW + Duration::from_secs(2)), Some(NOW + Duration::from_secs(7)))
        );
        assert_eq!(house.living().await, 0);
    }
}

#[tokio::test]
async fn what_is_read_back_has_no_gap() {
    for house in House::on_each_engine().await {
        let ladders = LadderRepository::new(house.database.db.clone());
        let read = async || ladders.read(house.video, 1).await.unwrap().unwrap();
        assert!(read().await.renditions.is_empty());
        let mut last = ladders.version(house.video).await.unwrap().unwrap().changes;
        for (key, lengths) in [
            ("240p-0", [2]),
            ("360p-2", [2]),
            ("360p-1", [2]),
            ("240p-2", [2]),
            ("240p-1", [5]),
        ] {
            let number = key.rsplit('-').next().unwrap().parse().unwrap();
            let task = house.claim().await.0;
            let publication = Publication {
                video: house.video,
                generation: 1,
                pieces: vec![piece(&house.plan, &key[..4].parse().unwrap(), number)],
                failed: Vec::new(),
                finish: true,
            };
            assert_eq!(house.publish(&publication, &task).await, Published::Done);
            let ladder = read().await;
            let shown: Vec<_> = ladder.renditions.iter().map(PublishedRendition::length).collect();
            assert_eq!(shown, lengths, "{} after {key}", house.database.name);
            assert!(ladder.changes > last);
            last = ladder.changes;
        }
        let lowest = &read().await.renditions[0];
        assert!(lowest.complete && !lowest.failed);
        assert_eq!((lowest.average_bit_rate, lowest.peak_bit_rate), (80_000, 80_000));
        assert_eq!(lowest.segments().map(|(n, _)| n).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert!(ladders.read(house.video, 2).await.unwrap().is_none());
        assert!(ladders.read(VideoId::generate(), 1).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_report_is_taken_from_whoever_has_the_task() {
    for house in House::on_each_engine().await {
        let (task, work) = house.claim().await;
        let report = async |ticks| {
            let now = house.clock.now();
            house
                .plans
                .report(house.video, 1, &work, &task, (ticks, now))
                .await
                .unwrap()
        };
        assert!(report(1).await && report(2).await, "{}", house.database.name);
        assert_eq!(house.rows("encodings").await, 1);
        let mut tx = house.database.db.write().await.unwrap();
        tasks::cancel_subject(&mut tx, house.video.0, NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!report(3).await, "it was taken back");
        assert_eq!(
            house.publish(&house.publication(&work), &task).await,
            Published::Overtaken
        );
    }
}

#[tokio::test]
async fn a_report_goes_with_the_piece_that_it_was_about() {
    for house in House::on_each_engine().await {
        let (task, work) = house.claim().await;
        let reported = house.plans.report(house.video, 1, &work, &task, (1, NOW)).await;
        assert!(reported.unwrap(), "{}", house.database.name);
        house.publish(&house.publication(&work), &task).await;
        assert_eq!(house.rows("encodings").await, 0);
    }
}
