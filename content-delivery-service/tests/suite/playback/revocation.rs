//! What ends a playback before its time.

use super::films::Film;
use super::watching::Urls;
use crate::server::Server;
use contracts::events::{UserDeactivated, UserRolesChanged, UserSessionEnded, UserSessionsEnded};
use contracts::{Role, Roles, VideoId};
use testing::Person;

/// A video with two sessions of its owner: one that has played, one whose token nobody has used yet.
async fn playing(server: &Server, owner: &Person) -> (VideoId, Urls, Urls) {
    let video = server.uploaded(owner, Film::Lecture).await;
    let (warm, cold) = (server.index(owner, video).await, server.index(owner, video).await);
    let (warm, cold) = (Urls::of(&warm), Urls::of(&cold));
    server.plays(&warm).await;
    (video, warm, cold)
}

#[tokio::test]
async fn a_sign_out_ends_the_playbacks_of_that_sign_in_alone() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let (video, warm, cold) = playing(&server, &owner).await;
    let elsewhere = owner.on_another_device();
    let spared = Urls::of(&server.index(&elsewhere, video).await);
    server
        .tell(
            owner.id,
            UserSessionEnded {
                session_id: owner.session,
            },
        )
        .await;
    server.refused_soon(&warm).await;
    server.refuses(&warm).await;
    server.refuses(&cold).await;
    server.plays(&spared).await;
    let server = server.restarted(|_| ()).await;
    server.refuses(&warm).await;
    server.plays(&spared).await;
}

#[tokio::test]
async fn a_deactivation_ends_everything_of_the_user() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let (video, warm, cold) = playing(&server, &owner).await;
    let other = Urls::of(&server.index(&Person::admin(), video).await);
    server
        .tell(
            owner.id,
            UserDeactivated {
                version: owner.version + 1,
            },
        )
        .await;
    server.refused_soon(&warm).await;
    server.refuses(&warm).await;
    server.refuses(&cold).await;
    server.plays(&other).await;
}

#[tokio::test]
async fn signing_out_everywhere_spares_what_was_opened_after_it() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let (video, warm, _) = playing(&server, &owner).await;
    let again = Person {
        version: owner.version + 1,
        ..owner.on_another_device()
    };
    let later = Urls::of(&server.index(&again, video).await);
    server
        .tell(owner.id, UserSessionsEnded { version: again.version })
        .await;
    server.refused_soon(&warm).await;
    server.plays(&later).await;
}

#[tokio::test]
async fn a_former_admin_stops_watching_lectures_of_others() {
    let server = Server::with_worker().await;
    let (owner, admin) = (Person::instructor(), Person::admin());
    let (video, own, _) = playing(&server, &owner).await;
    let theirs = Urls::of(&server.index(&admin, video).await);
    server.plays(&theirs).await;
    for user in [owner.id, admin.id] {
        server
            .tell(
                user,
                UserRolesChanged {
                    roles: Roles::from(Role::Learner),
                    version: 2,
                },
            )
            .await;
    }
    server.refused_soon(&theirs).await;
    server.plays(&own).await;
}

#[tokio::test]
async fn refused_tokens_end_playbacks_although_no_event_comes() {
    let server = Server::with_worker().await;
    let (owner, admin) = (Person::instructor(), Person::admin());
    let (video, warm, cold) = playing(&server, &owner).await;
    let spared = Urls::of(&server.index(&owner.on_another_device(), video).await);
    let theirs = Urls::of(&server.index(&admin, video).await);
    server.plays(&theirs).await;
    let feed = server.identity.revocations.feed();
    let until = server.clock.now() + std::time::Duration::from_secs(300);
    feed.end_session(owner.session, until);
    feed.end_user_below(admin.id, admin.version + 1, until);
    server.refused_soon(&warm).await;
    server.refuses(&cold).await;
    server.refused_soon(&theirs).await;
    server.plays(&spared).await;
}

#[tokio::test]
async fn a_deleted_video_is_served_to_nobody() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let (video, warm, cold) = playing(&server, &owner).await;
    let admin = Urls::of(&server.index(&Person::admin(), video).await);
    server.plays(&admin).await;
    server.delete(&owner, video).await;
    for urls in [&warm, &admin] {
        server.refused_soon(urls).await;
        server.refuses(urls).await;
    }
    server.refuses(&cold).await;
    let server = server.restarted(|_| ()).await;
    server.refuses(&warm).await;
}

#[tokio::test]
async fn running_playbacks_survive_a_restart() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let (video, warm, _) = playing(&server, &owner).await;
    let cold = Urls::of(&server.index(&owner.on_another_device(), video).await);
    let server = server.restarted(|_| ()).await;
    server.plays(&warm).await;
    server.plays(&cold).await;
}

#[tokio::test]
async fn a_revocation_by_another_node_takes_effect() {
    let server = Server::with_worker().await;
    let second = server.beside().await;
    let owner = Person::instructor();
    let (video, warm, _) = playing(&server, &owner).await;
    // The second node has keys and rows from the same database, and hears of nothing but by looking.
    second.plays(&warm).await;
    server
        .tell(
            owner.id,
            UserSessionEnded {
                session_id: owner.session,
            },
        )
        .await;
    server.refused_soon(&warm).await;
    second.refused_soon(&warm).await;
    let again = Urls::of(&server.index(&owner.on_another_device(), video).await);
    second.plays(&again).await;
    server.delete(&owner.on_another_device(), video).await;
    second.refused_soon(&again).await;
}

#[tokio::test]
async fn upload_keys_end_with_all_sign_ins_and_not_with_one() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let url = server.begin(&owner, 1_000).await;
    server
        .tell(
            owner.id,
            UserSessionEnded {
                session_id: owner.session,
            },
        )
        .await;
    assert_eq!(server.head(&url).await.status, 200);
    server
        .tell(
            owner.id,
            UserSessionsEnded {
                version: owner.version + 1,
            },
        )
        .await;
    assert_eq!(server.head(&url).await.status, 401);
}
