use crate::classroom::{Classroom, KEY};
use crate::peer::Offered;
use reqwest::Method;
use testing::Person;

#[tokio::test(flavor = "multi_thread")]
async fn whip_answers_as_its_specification_demands() {
    let turn = "turn://:secret@turn.example.org:3478?transport=udp";
    let room = Classroom::with(|config| config.ice_servers = vec![turn.to_owned()]).await;
    let offered = Offered::publisher().await;
    let send = async |kind: &str, bearer: Option<&str>, body: &str| {
        let request = room.site.request(Method::POST, &room.path("whip"));
        let request = request.header("content-type", kind.to_owned()).body(body.to_owned());
        match bearer {
            Some(bearer) => room.site.send(request.bearer_auth(bearer)).await,
            None => room.site.send(request).await,
        }
    };
    let sdp = "application/sdp";
    assert_eq!(send(sdp, None, &offered.offer).await.status, 401);
    assert_eq!(send(sdp, Some("another-key"), &offered.offer).await.status, 401);
    assert_eq!(send(sdp, Some("x.y.z"), &offered.offer).await.status, 401);
    assert_eq!(send("application/json", Some(KEY), "{}").await.status, 415);
    assert_eq!(send(sdp, Some(KEY), "v=0").await.status, 400);
    let reply = send(sdp, Some(KEY), &offered.offer).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.header("content-type"), sdp);
    assert!(reply.header("etag").starts_with('"'));
    assert!(
        reply.header("link").contains("rel=\"ice-server\""),
        "{}",
        reply.header("link")
    );
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert!(reply.header("access-control-expose-headers").contains("Location"));
    assert!(
        reply.text.contains("a=candidate:") && reply.text.contains(" 127.0.0.1 "),
        "{}",
        reply.text
    );
    let location = reply.header("location").to_owned();
    assert!(location.starts_with(&room.path("whip/")), "{location}");
    let patch = async |tag: Option<&str>, kind: &str| {
        let request = room
            .site
            .request(Method::PATCH, &location)
            .header("content-type", kind.to_owned());
        let request = tag.into_iter().fold(request, |it, tag| it.header("if-match", tag));
        room.site.send(request.body("a=end-of-candidates\r\n")).await.status
    };
    let (etag, fragment) = (reply.header("etag"), "application/trickle-ice-sdpfrag");
    assert_eq!(patch(Some(etag), fragment).await, 204);
    assert_eq!(patch(None, fragment).await, 428);
    assert_eq!(patch(Some("\"other\""), fragment).await, 412);
    assert_eq!(patch(Some("*"), fragment).await, 422);
    assert_eq!(patch(Some(etag), "text/plain").await, 415);
    let options = room
        .site
        .send(room.site.request(Method::OPTIONS, &room.path("whip")))
        .await;
    assert_eq!((options.status, options.header("accept-post")), (204, sdp));
    let get = room.site.get(&room.path("whip")).await;
    assert_eq!(get.status, 405);
    room.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whep_answers_as_its_draft_demands() {
    let room = Classroom::with(|config| config.webrtc_viewers = 1).await;
    let offered = Offered::viewer().await;
    let token = room.site.token(&Person::learner());
    let nobody = async || {
        let request = room.site.request(Method::POST, &room.path("whep"));
        let request = request.header("content-type", "application/sdp");
        room.site.send(request.body(offered.offer.clone())).await.status
    };
    assert_eq!(nobody().await, 401);
    let early = room.offer("whep", &token, &offered.offer).await;
    assert_eq!((early.status, early.json["code"].as_str()), (409, Some("not_live")));
    assert_eq!(room.door.sessions(), 0, "its place is free");
    let (_publisher, _) = room.publish().await;
    let (_viewer, location) = room.watch(Offered::viewer().await).await;
    assert!(
        location.starts_with("/p/token-") && location.contains("/whep/"),
        "{location}"
    );
    let full = room.offer("whep", &token, &offered.offer).await;
    assert_eq!((full.status, full.json["code"].as_str()), (503, Some("webrtc_full")));
    assert!(!full.header("retry-after").is_empty());
    assert_eq!(room.door.sessions(), 1, "no session was opened");
    assert_eq!(nobody().await, 401, "who may not watch does not learn that it is full");
    let patch = room.site.request(Method::PATCH, &location);
    let patch = patch.header("content-type", "application/trickle-ice-sdpfrag").body("");
    assert_eq!(room.site.send(patch).await.status, 204, "without an entity tag");
    let options = room.site.send(room.site.request(Method::OPTIONS, &location)).await;
    assert_eq!(options.header("access-control-allow-methods"), "PATCH, DELETE, OPTIONS");
    let foreign = location.replace("token-", "nekot-");
    assert_eq!(
        room.site.send(room.site.request(Method::DELETE, &foreign)).await.status,
        403
    );
    room.site.stop().await;
}
