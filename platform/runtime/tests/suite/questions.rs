//! Questions between roles in two processes, over sockets.

use async_trait::async_trait;
use axum::Router;
use axum::routing::get;
use backing::Clock;
use backing::bus::Broadcast;
use contracts::asked::{PeopleAsked, Question};
use contracts::events::UserSessionEnded;
use contracts::questions::{Addressee, Directory, Person, Refusal, Refusals, RefusedTokens, Unanswered};
use contracts::{EventId, NewEvent, Role, SessionId, Timestamp, UserId};
use runtime::remote::{Peer, UsersElsewhere};
use runtime::server::ServerLimits;
use runtime::{AuthError, Authenticator, InternalKeys, Issuer, Keys, Principal, Questions, Revocations, Running};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testing::{Identity, Signer, until};
use tokio::net::TcpListener;
use url::Url;

const SECRET: &[u8] = b"the secret of one installation..";

/// The users' service as others see it.
#[derive(Default)]
struct Users {
    asked: AtomicUsize,
    /// How many of the next questions fail.
    fails: AtomicUsize,
    refusals: Mutex<Vec<Refusal>>,
}

#[async_trait]
impl Directory for Users {
    async fn at_addresses(&self, addresses: &[String]) -> Result<Vec<Addressee>, Unanswered> {
        Ok(addresses.iter().map(|_| Addressee::NoAccount).collect())
    }

    async fn people(&self, ids: &[UserId]) -> Result<Vec<Person>, Unanswered> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let fails = self
            .fails
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if fails.is_ok() {
            return Err(Unanswered("not now".to_owned()));
        }
        let person = |id: &UserId| Person {
            id: *id,
            name: "Someone".to_owned(),
            roles: Role::Learner.into(),
            is_active: true,
        };
        Ok(ids.iter().map(person).collect())
    }
}

#[async_trait]
impl Refusals for Users {
    async fn written_after(&self, _: Timestamp) -> Result<Vec<Refusal>, Unanswered> {
        Ok(self.refusals.lock().unwrap().clone())
    }
}

fn keys(secret: &[u8]) -> InternalKeys {
    InternalKeys::new(secret, Clock::system())
}

/// Serves the users' questions, and the keys of the shared signer, at an address.
async fn serve(users: &Arc<Users>, address: &str) -> (Running, Url) {
    let jwks = || async {
        let published = Keys::new();
        published.publish(vec![Signer::shared().public()]);
        axum::Json(published.jwks())
    };
    let questions = Questions::none().directory(users.clone()).refusals(users.clone());
    let router = questions.behind(&keys(SECRET)).into_router();
    let router = router.merge(Router::new().route("/.well-known/jwks.json", get(jwks)));
    let listener = TcpListener::bind(address).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let mut running = Running::new();
    running.serve(listener, router, ServerLimits::default());
    (running, url)
}

fn peer(url: &Url, asker: &'static str, secret: &[u8]) -> Peer {
    Peer::new("users", url.clone(), vec![asker], keys(secret)).unwrap()
}

#[tokio::test]
async fn a_role_in_another_process_answers_as_one_in_the_same_does() {
    let users = Arc::new(Users::default());
    let (_running, url) = serve(&users, "127.0.0.1:0").await;
    let id = UserId::generate();
    let asking = peer(&url, "courses", SECRET);
    assert_eq!(asking.people(&[id]).await, users.people(&[id]).await);
    // A process with several roles asks as the one that may.
    let several = Peer::new("users", url.clone(), vec!["web", "courses"], keys(SECRET)).unwrap();
    assert_eq!(several.people(&[id]).await, users.people(&[id]).await);
    let many: Vec<_> = (0..10_000).map(|_| UserId::generate()).collect();
    assert_eq!(asking.people(&many).await.unwrap().len(), many.len());
    let addresses = ["a@example.org".to_owned()];
    assert_eq!(
        asking.at_addresses(&addresses).await,
        users.at_addresses(&addresses).await
    );
}

#[tokio::test]
async fn nobody_but_roles_of_the_same_installation_gets_an_answer() {
    let users = Arc::new(Users::default());
    let (_running, url) = serve(&users, "127.0.0.1:0").await;
    let id = UserId::generate();
    for (asker, secret) in [
        ("courses", b"the secret of another one.......".as_slice()),
        ("web", SECRET),
        ("nobody", SECRET),
    ] {
        let error = peer(&url, asker, secret).people(&[id]).await.unwrap_err();
        assert!(error.0.contains("it answers 40"), "{error}");
    }
    let token = Identity::new().token(&testing::Person::admin());
    let client = reqwest::Client::new();
    for bearer in [None, Some(token)] {
        let request = client.post(url.join(PeopleAsked::PATH).unwrap()).body("{\"ids\":[]}");
        let request = match bearer {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        assert_eq!(request.send().await.unwrap().status(), 401);
    }
    assert_eq!(users.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_question_without_an_answer_is_asked_once_more_and_a_role_that_is_away_is_left_alone() {
    let users = Arc::new(Users::default());
    let (running, url) = serve(&users, "127.0.0.1:0").await;
    let (asking, id) = (peer(&url, "content", SECRET), UserId::generate());
    users.fails.store(1, Ordering::Relaxed);
    assert!(asking.people(&[id]).await.is_ok());
    assert_eq!(users.asked.load(Ordering::Relaxed), 2);
    users.fails.store(2, Ordering::Relaxed);
    assert!(asking.people(&[id]).await.is_err());
    assert_eq!(users.asked.load(Ordering::Relaxed), 4);

    running.shutdown().request();
    running.wait().await.unwrap();
    for _ in 0..10 {
        assert!(asking.people(&[id]).await.is_err());
    }
    let begun = Instant::now();
    let error = asking.people(&[id]).await.unwrap_err();
    assert!(error.0.contains("did not answer the last questions"), "{error}");
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());

    let (_running, _) = serve(&users, url.as_str().trim_start_matches("http://").trim_end_matches('/')).await;
    until("it is asked again", || async { asking.people(&[id]).await.is_ok() }).await;
}

/// A process without the users' role, whose users are at an address.
struct Elsewhere {
    authenticator: Authenticator,
    events: Broadcast,
    _running: Running,
}

fn elsewhere(url: &Url, identity: &Identity) -> Elsewhere {
    let (keys, feed) = Keys::from_elsewhere();
    let issuer = Issuer {
        keys,
        ..identity.issuer()
    };
    let (clock, revocations) = (Clock::system(), Revocations::new(Clock::system()));
    let events = Broadcast::new(16);
    let following = UsersElsewhere {
        peer: Arc::new(peer(url, "content", SECRET)),
        revocations: revocations.feed(),
        clock: clock.clone(),
    };
    let mut running = Running::new();
    for task in following.follow(feed, events.listen()).unwrap() {
        running.start(task);
    }
    Elsewhere {
        authenticator: Authenticator::new(vec![issuer], revocations, clock),
        events,
        _running: running,
    }
}

async fn session_of(authenticator: &Authenticator, token: &str) -> Result<SessionId, AuthError> {
    match authenticator.verify(token).await? {
        Principal::User(caller) => Ok(caller.session_id),
        Principal::Client { .. } => panic!("a client"),
    }
}

#[tokio::test]
async fn keys_and_refused_tokens_come_from_the_users_service_elsewhere() {
    let users = Arc::new(Users::default());
    // an address where nobody listens yet
    let (running, url) = serve(&users, "127.0.0.1:0").await;
    running.shutdown().request();
    running.wait().await.unwrap();
    let identity = Identity::at(Clock::system());
    let Elsewhere {
        authenticator,
        events,
        _running,
    } = elsewhere(&url, &identity);
    let tokens = [(); 3].map(|()| identity.token(&testing::Person::learner()));
    assert_eq!(
        authenticator.verify(&tokens[0]).await.unwrap_err(),
        AuthError::Unavailable,
        "nobody knows what it is worth"
    );

    let (_users, _) = serve(&users, url.as_str().trim_start_matches("http://").trim_end_matches('/')).await;
    until("the keys come", || async {
        authenticator.verify(&tokens[0]).await.is_ok()
    })
    .await;
    let heard = session_of(&authenticator, &tokens[0]).await.unwrap();
    let polled = session_of(&authenticator, &tokens[1]).await.unwrap();

    let user = UserId::generate();
    let ended = NewEvent::of_user(user, UserSessionEnded { session_id: heard }.into());
    events.send(ended.published(EventId::generate(), Clock::system().now(), 1));
    let refused = |token: String| {
        let authenticator = authenticator.clone();
        async move { authenticator.verify(&token).await == Err(AuthError::Revoked) }
    };
    let begun = Instant::now();
    until("the event refuses it", || refused(tokens[0].clone())).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());

    users.refusals.lock().unwrap().push(Refusal {
        refused: RefusedTokens::Session(polled),
        until: Clock::system().now() + Duration::from_secs(60),
    });
    let begun = Instant::now();
    until("the question refuses it", || refused(tokens[1].clone())).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(authenticator.verify(&tokens[2]).await.is_ok());
}
