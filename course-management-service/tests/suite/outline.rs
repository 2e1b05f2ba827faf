use crate::server::{Server, id};
use reqwest::Method;
use serde_json::{Value, json};
use testing::Reply;

/// The titles of the modules with those of their items.
fn titles(course: &Reply) -> Value {
    let modules = course.json["modules"].as_array().unwrap().iter();
    let shown = modules.map(|module| {
        let items = module["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["title"].clone());
        json!([module["title"], items.collect::<Vec<_>>()])
    });
    shown.collect()
}

#[tokio::test]
async fn modules_and_items_stand_in_the_order_in_which_they_came() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let course = server.course(&owner, json!({})).await;
        let one = server.module(&owner, &course, "One").await;
        let two = server.module(&owner, &course, "Two").await;
        for (module, title) in [(&one, "a"), (&two, "b"), (&one, "c")] {
            let video = server.world.film(&owner, title, "processing");
            server.item(&owner, module, video).await;
        }
        let video = server.world.film(&owner, "its own", "ready");
        let named = json!({"kind": "video", "content_id": video, "title": " d "});
        let added = server.post(&owner, &format!("{two}/items"), named).await;
        let shown = server.read(&owner, &course).await;
        assert_eq!(added.is(201).header("etag"), shown.header("etag"));
        assert_eq!(titles(&shown), json!([["One", ["a", "c"]], ["Two", ["b", "d"]]]));
        let item = &shown.json["modules"][1]["items"][1];
        assert_eq!(
            (&item["kind"], &item["content_id"], &item["state"]),
            (&json!("video"), &json!(video), &json!("ready"))
        );
        assert_eq!(shown.json["modules"][0]["items"][0]["state"], "processing");
    }
}

#[tokio::test]
async fn only_who_administers_a_lecture_adds_it_and_unknown_ones_look_the_same() {
    for server in Server::on_each_engine().await {
        let (owner, other) = (server.instructor(), server.instructor());
        let course = server.course(&owner, json!({})).await;
        let module = server.module(&owner, &course, "One").await;
        let foreign = server.world.film(&other, "Foreign", "ready");
        let items = format!("{module}/items");
        let mut answers = Vec::new();
        for video in [json!(foreign), json!("01900000-0000-7000-8000-000000000000")] {
            let refused = server
                .post(&owner, &items, json!({"kind": "video", "content_id": video}))
                .await;
            answers.push((refused.status, refused.json["errors"].clone()));
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0].1[0]["field"], "content_id");
        let editor = server.member(&owner, &course, "editor").await;
        let own = server.world.film(&editor, "Of an editor", "ready");
        server.item(&editor, &module, own).await;
        let quiz = json!({"kind": "quiz", "content_id": own});
        assert_eq!(server.post(&owner, &items, quiz).await.is(422).fields(), ["kind"]);
        server.world.be_silent(true);
        let unanswered = server
            .post(&owner, &items, json!({"kind": "video", "content_id": own}))
            .await;
        unanswered.is_problem(503, "unavailable");
        server.world.be_silent(false);
    }
}

#[tokio::test]
async fn modules_and_items_are_renamed_and_removed_and_lectures_stay() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let course = server.course(&owner, json!({})).await;
        let module = server.module(&owner, &course, "One").await;
        let video = server.world.film(&owner, "a", "ready");
        let item = server.item(&owner, &module, video).await;
        let opens = json!({"title": "First", "opens_at": "2030-01-01T00:00:00Z"});
        let changed = server.patch(&owner, &module, opens).await;
        assert_eq!(changed.is(200).json["modules"][0]["opens_at"], "2030-01-01T00:00:00Z");
        let cleared = server.patch(&owner, &module, json!({"opens_at": null})).await;
        assert_eq!(cleared.is(200).json["modules"][0]["opens_at"], json!(null));
        let renamed = server.patch(&owner, &item, json!({"title": "b"})).await;
        assert_eq!(titles(renamed.is(200)), json!([["First", ["b"]]]));
        let stale = (Method::PATCH, item.as_str());
        server
            .call_if(&owner, stale, cleared.header("etag"), &json!({"title": "c"}))
            .await
            .is_problem(412, "stale");
        server.delete(&owner, &item).await.is(204);
        server.delete(&owner, &item).await.is_problem(404, "item_not_found");
        server.item(&owner, &module, video).await;
        server.delete(&owner, &module).await.is(204);
        server.delete(&owner, &module).await.is_problem(404, "module_not_found");
        server
            .patch(&owner, &module, json!({"title": "x"}))
            .await
            .is_problem(404, "module_not_found");
        assert_eq!(titles(&server.read(&owner, &course).await), json!([]));
    }
}

#[tokio::test]
async fn parts_of_one_course_are_not_reached_by_another() {
    for server in Server::on_each_engine().await {
        let (owner, other) = (server.instructor(), server.instructor());
        let course = server.course(&owner, json!({})).await;
        let module = server.module(&owner, &course, "One").await;
        let video = server.world.film(&owner, "a", "ready");
        let item = server.item(&owner, &module, video).await;
        let foreign = server.course(&other, json!({})).await;
        let reached = |path: &str| path.replace(id(&course), id(&foreign));
        let change = json!({"title": "x"});
        server
            .patch(&other, &reached(&module), change.clone())
            .await
            .is_problem(404, "module_not_found");
        server
            .delete(&other, &reached(&module))
            .await
            .is_problem(404, "module_not_found");
        server
            .patch(&other, &reached(&item), change)
            .await
            .is_problem(404, "item_not_found");
        server
            .delete(&other, &reached(&item))
            .await
            .is_problem(404, "item_not_found");
        let own = server.world.film(&other, "b", "ready");
        let body = json!({"kind": "video", "content_id": own});
        server
            .post(&other, &format!("{}/items", reached(&module)), body)
            .await
            .is_problem(404, "module_not_found");
        assert_eq!(titles(&server.read(&owner, &course).await), json!([["One", ["a"]]]));
    }
}

#[tokio::test]
async fn a_repeated_addition_with_a_key_adds_once() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let course = server.course(&owner, json!({})).await;
        let add = |path: &str, body: &Value| {
            let request = server.request_by(&owner, Method::POST, &format!("/api/v1/courses{path}"));
            server.send(request.header("idempotency-key", "k").json(body))
        };
        let (path, body) = (format!("{course}/modules"), json!({"title": "One"}));
        let module = add(&path, &body).await.is(201).id();
        assert_eq!(add(&path, &body).await.is(201).id(), module);
        let video = server.world.film(&owner, "a", "ready");
        let (path, body) = (
            format!("{course}/modules/{module}/items"),
            json!({"kind": "video", "content_id": video}),
        );
        add(&path, &body).await.is_problem(422, "idempotency_mismatch");
        assert_eq!(titles(&server.read(&owner, &course).await), json!([["One", []]]));
    }
}

#[tokio::test]
async fn an_addition_to_an_older_course_is_refused_unless_it_is_a_repetition() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let course = server.course(&owner, json!({})).await;
        let before = server.read(&owner, &course).await.header("etag").to_owned();
        let add = |path: &str, key: &'static str, tag: &str, body: &Value| {
            let request = server.request_by(&owner, Method::POST, &format!("/api/v1/courses{path}"));
            let request = request.header("idempotency-key", key).header("if-match", tag);
            server.send(request.json(body))
        };
        let (modules, body) = (format!("{course}/modules"), json!({"title": "One"}));
        let first = add(&modules, "a", &before, &body).await;
        let (module, now) = (first.is(201).id(), first.header("etag").to_owned());
        assert_eq!(add(&modules, "a", &before, &body).await.is(201).id(), module);
        add(&modules, "b", &before, &body).await.is_problem(412, "stale");
        let without_key = (Method::POST, modules.as_str());
        let stale = server.call_if(&owner, without_key, &before, &body).await;
        stale.is_problem(412, "stale");
        let video = server.world.film(&owner, "a", "ready");
        let (items, body) = (
            format!("{modules}/{module}/items"),
            json!({"kind": "video", "content_id": video}),
        );
        add(&items, "c", &before, &body).await.is_problem(412, "stale");
        let item = add(&items, "c", &now, &body).await.is(201).id();
        assert_eq!(add(&items, "c", &now, &body).await.is(201).id(), item);
        assert_eq!(titles(&server.read(&owner, &course).await), json!([["One", ["a"]]]));
    }
}

/// The outline of a course as `PUT outline` takes it.
fn order(course: &Reply) -> Vec<(Value, Vec<Value>)> {
    let modules = course.json["modules"].as_array().unwrap().iter();
    let ids = modules.map(|module| {
        let items = module["items"].as_array().unwrap().iter();
        (module["id"].clone(), items.map(|item| item["id"].clone()).collect())
    });
    ids.collect()
}

fn body(order: &[(Value, Vec<Value>)]) -> Value {
    let modules: Vec<_> = order
        .iter()
        .map(|(id, items)| json!({"id": id, "items": items}))
        .collect();
    json!({ "modules": modules })
}

#[tokio::test]
async fn an_order_needs_the_version_that_it_is_based_on_and_names_everything_once() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let course = server.course(&owner, json!({})).await;
        for title in ["One", "Two"] {
            let module = server.module(&owner, &course, title).await;
            for name in ["a", "b"] {
                let video = server.world.film(&owner, &format!("{title} {name}"), "ready");
                server.item(&owner, &module, video).await;
            }
        }
        let shown = server.read(&owner, &course).await;
        let path = format!("{course}/outline");
        let mut wanted = order(&shown);
        wanted.reverse();
        let moved = wanted[0].1.remove(0);
        wanted[1].1.push(moved);
        server
            .put(&owner, &path, body(&wanted))
            .await
            .is_problem(428, "precondition_required");
        let put = |etag: String, body: Value| {
            let (server, owner, path) = (&server, &owner, path.clone());
            async move { server.call_if(owner, (Method::PUT, path.as_str()), &etag, &body).await }
        };
        put("*".to_owned(), body(&wanted))
            .await
            .is_problem(428, "precondition_required");
        let mut incomplete = wanted.clone();
        incomplete[0].1.clear();
        let etag = shown.header("etag").to_owned();
        let mut repeated = wanted.clone();
        repeated[0].1.push(wanted[1].1[0].clone());
        for wrong in [incomplete, repeated, vec![wanted[0].clone()], vec![]] {
            assert_eq!(put(etag.clone(), body(&wrong)).await.is(422).fields(), ["modules"]);
        }
        let done = put(etag.clone(), body(&wanted)).await;
        assert_eq!(
            titles(done.is(200)),
            json!([["Two", ["Two b"]], ["One", ["One a", "One b", "Two a"]]])
        );
        put(etag, body(&wanted)).await.is_problem(412, "stale");
        // What is added later stands at the end.
        let last = server.module(&owner, &course, "Three").await;
        assert_eq!(titles(&server.read(&owner, &course).await)[2], json!(["Three", []]));
        assert!(last.contains("/modules/"));
    }
}

#[tokio::test]
async fn two_teachers_who_order_one_course_at_once_lose_nothing() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let course = server.course(&owner, json!({})).await;
        let editor = server.member(&owner, &course, "editor").await;
        let module = server.module(&owner, &course, "One").await;
        for number in 0..6 {
            let video = server.world.film(&owner, &number.to_string(), "ready");
            server.item(&owner, &module, video).await;
        }
        let path = format!("{course}/outline");
        // Each moves one item by one place, again and again, from what they have read last.
        let teach = async |teacher, from: usize| {
            let (mut done, mut refused) = (0, 0);
            while done < 10 {
                let shown = server.read(teacher, &course).await;
                let mut wanted = order(&shown);
                let places = wanted[0].1.len();
                wanted[0].1.swap(from % places, (from + 1) % places);
                let etag = shown.header("etag");
                let reply = server
                    .call_if(teacher, (Method::PUT, path.as_str()), etag, &body(&wanted))
                    .await;
                match reply.status {
                    200 => done += 1,
                    412 => refused += 1,
                    _ => panic!("{reply:?}"),
                }
            }
            refused
        };
        let version = |reply: &Reply| reply.header("etag").trim_matches('"').parse::<u32>().unwrap();
        let before = version(&server.read(&owner, &course).await);
        let adding = async {
            for number in 6..9 {
                let video = server.world.film(&owner, &number.to_string(), "ready");
                server.item(&owner, &module, video).await;
            }
        };
        let (one, other, ()) = futures::join!(teach(&owner, 0), teach(&editor, 3), adding);
        let shown = server.read(&owner, &course).await;
        assert_eq!(
            version(&shown),
            before + 23,
            "each change counted once; refused: {one} and {other}"
        );
        let mut items: Vec<_> = titles(&shown)[0][1]
            .as_array()
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        items.sort();
        let all: Vec<_> = (0..9).map(|number| format!("\"{number}\"")).collect();
        assert_eq!(items, all);
    }
}

#[tokio::test]
async fn a_lecture_that_is_not_open_yet_shows_its_title_and_nothing_else() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, video) = server.published(&owner, json!({})).await;
        let module = server.read(&owner, &course).await.json["modules"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let learner = server.member(&owner, &course, "learner").await;
        let stranger = server.learner();
        let item = async |person| {
            let shown = server.read(person, &course).await;
            let item = &shown.is(200).json["modules"][0]["items"][0];
            assert_eq!(item["title"], "Trees");
            (item["content_id"].clone(), item["state"].clone())
        };
        let (open, shut) = ((json!(video), json!("ready")), (json!(null), json!(null)));
        assert_eq!(
            (item(&learner).await, item(&stranger).await),
            (open.clone(), shut.clone())
        );
        let later = server.clock.now() + std::time::Duration::from_secs(60);
        let path = format!("{course}/modules/{module}");
        server.patch(&owner, &path, json!({"opens_at": later})).await.is(200);
        assert_eq!((item(&learner).await, item(&owner).await), (shut.clone(), open.clone()));
        server.clock.advance(std::time::Duration::from_secs(60));
        assert_eq!(item(&learner).await, open);
        server.patch(&owner, &course, json!({"ends_at": later})).await.is(200);
        assert_eq!((item(&learner).await, item(&owner).await), (shut, open));
    }
}
