//! Failures, retries and deletion.

use super::*;
use crate::models::lecture::RenditionState;

#[tokio::test]
async fn only_what_is_neither_there_nor_waiting_is_enqueued() {
    for house in House::on_each_engine().await {
        let all = i64::try_from(house.plan.tasks().len()).unwrap();
        assert_eq!(
            (house.living().await, house.enqueue_missing().await),
            (all, 0),
            "{}",
            house.database.name
        );
        let (task, work) = house.claim_work("240p-0").await;
        house.publish(&house.publication(&work), &task).await;
        assert_eq!((house.enqueue_missing().await, house.living().await), (0, all - 1));
        let mut tx = house.database.db.write().await.unwrap();
        tasks::cancel_subject(&mut tx, house.video.0, NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(i64::try_from(house.enqueue_missing().await).unwrap(), all - 1);
        assert_eq!((house.enqueue_missing().await, house.living().await), (0, all - 1));
    }
}

#[tokio::test]
async fn a_lecture_fails_when_nothing_is_left_that_could_be_watched() {
    for house in House::on_each_engine().await {
        let rungs = |name: &str| Work::Piece {
            number: 1,
            rungs: vec![name.parse().unwrap()],
        };
        house.fail(&rungs("360p")).await;
        let video = house.video().await;
        assert_eq!(
            (video.status, video.reason.unwrap().code.as_str()),
            (Status::Processing, "encoder_failed"),
            "{}: 240p may still be made",
            house.database.name
        );
        assert!(house.events().await.is_empty() && house.living().await > 0);
        house.fail(&rungs("240p")).await;
        assert_eq!(house.video().await.status, Status::Failed);
        assert_eq!(
            (house.events().await, house.living().await),
            (vec!["failed".to_owned()], 0)
        );
        house.fail(&rungs("240p")).await;
        assert_eq!(house.events().await, ["failed"]);
    }
}

#[tokio::test]
async fn a_lecture_that_can_be_watched_goes_on_without_what_failed() {
    for house in House::on_each_engine().await {
        let (task, work) = house.claim_work("240p-0").await;
        house.publish(&house.publication(&work), &task).await;
        assert_eq!(house.video().await.status, Status::Processing);
        house.fail(&Work::Audio(0)).await;
        let video = house.video().await;
        assert_eq!(
            (video.status, video.reason.unwrap().code.as_str()),
            (Status::Playable, "encoder_failed"),
            "{}: nobody waits for a sound that won't come",
            house.database.name
        );
        let failed = |one: &&crate::models::lecture::Rendition| one.state == RenditionState::Failed;
        let names: Vec<_> = video
            .media
            .renditions
            .iter()
            .filter(failed)
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(names, ["audio"]);
        let piece = |rung: &str| Work::Piece {
            number: 1,
            rungs: vec![rung.parse().unwrap()],
        };
        house.fail(&piece("360p")).await;
        assert_eq!(house.video().await.status, Status::Playable, "the other may be whole");
        house.fail(&piece("240p")).await;
        assert_eq!(
            house.video().await.status,
            Status::Failed,
            "it will never be a whole lecture"
        );
        assert_eq!(house.events().await, ["playable", "failed"]);
        let ladders = LadderRepository::new(house.database.db.clone());
        let ladder = ladders.read(house.video, 1).await.unwrap().unwrap();
        assert!(ladder.renditions[0].failed && !ladder.renditions[0].complete);
    }
}

#[tokio::test]
async fn a_rung_that_fails_leaves_the_others_to_become_ready() {
    for house in House::on_each_engine().await {
        let mut pieces = 0;
        while let Some((task, work)) = house.try_claim().await {
            let mut publication = house.publication(&work);
            if let Work::Piece { rungs, .. } = &work {
                pieces += 1;
                let bad = |name: &contracts::RenditionName| name == "360p";
                publication.pieces.retain(|piece| !bad(&piece.rendition));
                let reason = || Reason {
                    code: "piece_format".to_owned(),
                    message: "it is above level 5.1".to_owned(),
                };
                let failed = rungs.iter().filter(|name| bad(name));
                publication.failed = failed.map(|name| (name.clone(), reason())).collect();
            }
            assert_eq!(house.publish(&publication, &task).await, Published::Done);
        }
        assert!(pieces > 1);
        let video = house.video().await;
        assert_eq!(
            (video.status, video.reason.unwrap().code.as_str()),
            (Status::Ready, "piece_format"),
            "{}",
            house.database.name
        );
        let states: Vec<_> = video
            .media
            .renditions
            .iter()
            .map(|one| (one.name.as_str(), one.state))
            .collect();
        let expected = [
            ("360p", RenditionState::Failed),
            ("240p", RenditionState::Ready),
            ("audio", RenditionState::Ready),
        ];
        assert_eq!(states, expected);
        assert_eq!(house.events().await, ["playable", "ready"]);
        // Its owner may try again, without encoding again what is there.
        let lacking = house.plans.lacking(house.video, 1, 0).await.unwrap();
        assert!(lacking.is_empty(), "{lacking:?}");
        let names = ["360p".to_owned()];
        let requested = house.plans.request(house.video, &names, None, NOW).await.unwrap();
        assert_eq!(
            requested,
            crate::repositories::plan_repository::request::Requested::Done
        );
        assert_eq!(house.video().await.status, Status::Playable);
        let lacking = house.plans.lacking(house.video, 1, 0).await.unwrap();
        assert_eq!(lacking, [names[0].as_str()]);
        assert!(house.living().await > 0);
    }
}

#[tokio::test]
async fn a_rung_that_has_its_piece_does_not_fail_with_the_rest_of_the_work() {
    for house in House::on_each_engine().await {
        let both = Work::Piece {
            number: 1,
            rungs: vec!["240p".parse().unwrap(), "360p".parse().unwrap()],
        };
        let (task, _) = house.claim().await;
        let mut publication = house.publication(&both);
        publication.pieces.retain(|piece| piece.rendition.as_str() == "240p");
        publication.finish = false;
        assert_eq!(house.publish(&publication, &task).await, Published::Done);
        house.fail(&both).await;
        let video = house.video().await;
        assert_eq!(video.status, Status::Processing, "{}", house.database.name);
        let failed = |one: &&crate::models::lecture::Rendition| one.state == RenditionState::Failed;
        let failed = video.media.renditions.iter().filter(failed);
        assert_eq!(failed.map(|one| one.name.as_str()).collect::<Vec<_>>(), ["360p"]);
        assert!(house.events().await.is_empty() && house.living().await > 0);
    }
}

#[tokio::test]
async fn a_deletion_forgets_what_was_planned_and_published() {
    for house in House::on_each_engine().await {
        let (task, work) = house.claim_work("240p-0").await;
        house.publish(&house.publication(&work), &task).await;
        let (task, work) = house.claim().await;
        let reported = house.plans.report(house.video, 1, &work, &task, (1, NOW)).await;
        assert!(reported.unwrap());
        for table in ["plans", "renditions", "pieces", "encodings"] {
            assert!(house.rows(table).await > 0, "{}: {table}", house.database.name);
        }
        let mut tx = house.database.db.write().await.unwrap();
        let sql = "UPDATE videos SET status = 'deleted' WHERE id = $1";
        tx.run(sql, args![house.video]).await.unwrap();
        tasks::cancel_subject(&mut tx, house.video.0, NOW).await.unwrap();
        forget(&mut tx, house.video).await.unwrap();
        tx.commit().await.unwrap();
        for table in ["plans", "renditions", "pieces", "encodings"] {
            assert_eq!(house.rows(table).await, 0, "{}: {table}", house.database.name);
        }
        assert_eq!(house.living().await, 0);
        assert_eq!(
            house.publish(&house.publication(&work), &task).await,
            Published::Overtaken
        );
        let ladders = LadderRepository::new(house.database.db.clone());
        assert!(ladders.version(house.video).await.unwrap().is_none());
        assert!(ladders.read(house.video, 1).await.unwrap().is_none());
    }
}
