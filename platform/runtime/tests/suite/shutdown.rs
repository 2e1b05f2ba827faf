use crate::site::{Site, short_limits};
use runtime::server::ServerLimits;
use runtime::{Background, Running};
use std::time::Duration;
use tokio::net::TcpStream;

#[tokio::test]
async fn a_running_request_is_answered_before_the_end() {
    let mut site = Site::start().await;
    let shutdown = site.running.shutdown();
    let mut wire = site.connect().await;
    let mut idle = site.connect().await;
    wire.send("GET /api/v1/site/slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    site.reached.recv().await.unwrap();
    shutdown.request();
    assert_eq!(idle.rest().await, "");
    while TcpStream::connect(site.address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    site.go.notify_one();
    let answer = wire.rest().await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"),
        "{answer}"
    );
    assert_eq!(site.served.running.wait().await, Ok(()));
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_when_the_drain_time_is_over() {
    let mut site = Site::start_with(short_limits()).await;
    let mut wire = site.connect().await;
    wire.send("GET /api/v1/site/slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    site.reached.recv().await.unwrap();
    site.running.shutdown().request();
    assert_eq!(site.served.running.wait().await, Ok(()));
    assert_eq!(wire.rest().await, "");
}

#[tokio::test]
async fn a_stream_of_events_ends_with_the_process() {
    let limits = ServerLimits {
        drain_timeout: Duration::from_secs(3_600),
        ..ServerLimits::default()
    };
    let site = Site::start_with(limits).await;
    let mut wire = site.connect().await;
    wire.send("GET /api/v1/site/events HTTP/1.1\r\nhost: x\r\n\r\n").await;
    wire.until("event: hello").await;
    site.running.shutdown().request();
    wire.rest().await;
    assert_eq!(site.served.running.wait().await, Ok(()));
}

#[tokio::test]
async fn background_work_that_ends_early_takes_the_process_down() {
    for (work, expected) in [
        (
            Background::new("relay", |_| async { Err("the database is gone".to_owned()) }),
            "the database is gone",
        ),
        (Background::new("relay", |_| async { Ok(()) }), "nobody asked"),
        (Background::new("relay", |_| async { panic!("boom") }), "panicked"),
    ] {
        let mut running = Running::new();
        running.start(Background::new("steady", |shutdown| async move {
            shutdown.requested().await;
            Ok(())
        }));
        running.start(work);
        let error = running.wait().await.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
