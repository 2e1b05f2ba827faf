use crate::server::{Server, UPLOAD};
use reqwest::Method;

#[tokio::test]
async fn anybody_may_ask_what_uploads_can_do() {
    let server = Server::start().await;
    let reply = server.send(server.request(Method::OPTIONS, UPLOAD)).await;
    reply.is(204);
    assert_eq!(reply.header("tus-version"), "1.0.0");
    assert_eq!(reply.header("tus-resumable"), "1.0.0");
    assert_eq!(
        reply.header("tus-extension"),
        "creation,creation-with-upload,termination,checksum,expiration"
    );
    assert_eq!(reply.header("tus-checksum-algorithm"), "sha1,sha256");
    assert!(reply.header("tus-max-size").parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn every_row_and_its_documentation_agree() {
    // A site with a fault in its table of routes is not served.
    Server::start().await;
}
