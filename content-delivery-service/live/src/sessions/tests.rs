use super::*;
use async_trait::async_trait;
use contracts::questions::Unanswered;
use contracts::questions::live::{PublishAsked, WatchAsked, WatchGrant};
use runtime::Running;
use testing::until;

/// A door that lets nobody in.
struct Closed;

#[async_trait]
impl LiveDoor for Closed {
    async fn publish(&self, _: PublishAsked) -> Result<Result<PublishGrant, Refused>, Unanswered> {
        Ok(Err(Refused::NotFound))
    }

    async fn withdrawn(&self, _: Vec<PublishGrant>) -> Result<Vec<usize>, Unanswered> {
        Ok(Vec::new())
    }

    async fn watch(&self, _: WatchAsked) -> Result<Result<WatchGrant, Refused>, Unanswered> {
        Ok(Err(Refused::NotFound))
    }

    async fn living(&self, _: Vec<Watch>) -> Result<Vec<usize>, Unanswered> {
        Ok(Vec::new())
    }

    async fn leave(&self, _: Watch) -> Result<(), Unanswered> {
        Ok(())
    }
}

#[tokio::test]
async fn a_session_that_goes_wrong_gives_its_place_back() {
    let door: Arc<dyn LiveDoor> = Arc::new(Closed);
    let network = watch::Sender::new(None).subscribe();
    let (sessions, [work, _]) = Sessions::new((Rooms::default(), door), (Mux::default(), network), 1);
    let mut running = Running::new();
    running.start(work);
    let viewer = Watch {
        video: VideoId::generate(),
        token: "token".to_owned(),
    };
    let enter = || sessions.enter(viewer.video, Some(viewer.clone()), String::new(), "ufrag");
    let (opened, _end) = enter().unwrap();
    assert!(matches!(enter(), Err(OpenError::Full)), "there is one place");
    let place = Place(sessions.clone(), opened.id);
    sessions.start(async move {
        let _place = place;
        panic!("a fault in a session");
    });
    until("its place is free", || async { enter().is_ok() }).await;
}
