//! What ends a playback before its time.

use crate::films::Film;
use crate::house::{House, Person, Urls};
use contracts::events::{UserDeactivated, UserRolesChanged, UserSessionEnded, UserSessionsEnded};
use contracts::{Role, Roles, VideoId};

/// A video with two sessions of its owner: one that has played, one whose token nobody has used yet.
async fn playing(house: &House, owner: &Person) -> (VideoId, Urls, Urls) {
    let video = house.uploaded(owner, Film::Lecture).await;
    let (warm, cold) = (house.index(owner, video).await, house.index(owner, video).await);
    let (warm, cold) = (Urls::of(&warm), Urls::of(&cold));
    house.plays(&warm).await;
    (video, warm, cold)
}

#[tokio::test]
async fn a_sign_out_ends_the_playbacks_of_that_sign_in_alone() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);
    let (video, warm, cold) = playing(&house, &owner).await;
    let elsewhere = owner.on_another_device();
    let spared = Urls::of(&house.index(&elsewhere, video).await);
    house
        .tell(
            owner.user,
            UserSessionEnded {
                session_id: owner.session,
            },
        )
        .await;
    house.refused_soon(&warm).await;
    house.refuses(&warm).await;
    house.refuses(&cold).await;
    house.plays(&spared).await;
    let house = house.restart().await;
    house.refuses(&warm).await;
    house.plays(&spared).await;
}

#[tokio::test]
async fn a_deactivation_ends_everything_of_the_user() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);
    let (video, warm, cold) = playing(&house, &owner).await;
    let other = Urls::of(&house.index(&Person::new(Role::Admin), video).await);
    house
        .tell(
            owner.user,
            UserDeactivated {
                version: owner.version + 1,
            },
        )
        .await;
    house.refused_soon(&warm).await;
    house.refuses(&warm).await;
    house.refuses(&cold).await;
    house.plays(&other).await;
}

#[tokio::test]
async fn signing_out_everywhere_spares_what_was_opened_after_it() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);
    let (video, warm, _) = playing(&house, &owner).await;
    let again = Person {
        version: owner.version + 1,
        ..owner.on_another_device()
    };
    let later = Urls::of(&house.index(&again, video).await);
    house
        .tell(owner.user, UserSessionsEnded { version: again.version })
        .await;
    house.refused_soon(&warm).await;
    house.plays(&later).await;
}

#[tokio::test]
async fn who_is_no_admin_any_more_stops_watching_what_is_not_theirs() {
    let house = House::open().await;
    let (owner, admin) = (Person::new(Role::Instructor), Person::new(Role::Admin));
    let (video, own, _) = playing(&house, &owner).await;
    let theirs = Urls::of(&house.index(&admin, video).await);
    house.plays(&theirs).await;
    for user in [owner.user, admin.user] {
        house
            .tell(
                user,
                UserRolesChanged {
                    roles: Roles::from(Role::Learner),
                    version: 2,
                },
            )
            .await;
    }
    house.refused_soon(&theirs).await;
    house.plays(&own).await;
}

#[tokio::test]
async fn a_deleted_video_is_served_to_nobody() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);
    let (video, warm, cold) = playing(&house, &owner).await;
    let admin = Urls::of(&house.index(&Person::new(Role::Admin), video).await);
    house.plays(&admin).await;
    house.delete(&owner, video).await;
    for urls in [&warm, &admin] {
        house.refused_soon(urls).await;
        house.refuses(urls).await;
    }
    house.refuses(&cold).await;
    let house = house.restart().await;
    house.refuses(&warm).await;
}

#[tokio::test]
async fn a_restart_leaves_playing_who_was_playing() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);
    let (_, warm, cold) = playing(&house, &owner).await;
    let house = house.restart().await;
    house.plays(&warm).await;
    house.plays(&cold).await;
}

#[tokio::test]
async fn an_end_that_another_node_has_written_is_found() {
    let (house, second) = House::open_two().await;
    let owner = Person::new(Role::Instructor);
    let (video, warm, _) = playing(&house, &owner).await;
    // The second node has keys and rows from the same database, and hears of nothing but by looking.
    second.plays(&warm).await;
    house
        .tell(
            owner.user,
            UserSessionEnded {
                session_id: owner.session,
            },
        )
        .await;
    house.refused_soon(&warm).await;
    second.refused_soon(&warm).await;
    let again = Urls::of(&house.index(&owner.on_another_device(), video).await);
    second.plays(&again).await;
    house.delete(&owner.on_another_device(), video).await;
    second.refused_soon(&again).await;
}

#[tokio::test]
async fn upload_keys_end_with_all_sign_ins_and_not_with_one() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);
    let url = house.begin_upload(&owner, 1_000).await;
    house
        .tell(
            owner.user,
            UserSessionEnded {
                session_id: owner.session,
            },
        )
        .await;
    assert_eq!(house.ask_upload(&url).await, 200);
    house
        .tell(
            owner.user,
            UserSessionsEnded {
                version: owner.version + 1,
            },
        )
        .await;
    assert_eq!(house.ask_upload(&url).await, 401);
}
