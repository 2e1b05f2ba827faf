use crate::server::{Server, moocflix, run};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

#[test]
fn a_data_directory_refuses_a_second_server_and_admits_a_worker() {
    let server = Server::start();
    let data = server.data_dir();
    let second = run(
        moocflix()
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&data),
        "",
    );
    let error = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(
        error.contains("another MoocFlix server") && error.contains(data.to_str().unwrap()),
        "{error}"
    );
    assert_eq!(second.stdout, b"");
    let worker = Server::start_in(data.parent().unwrap(), &["--roles", "transcode"]);
    assert_ne!(worker.base, server.base);
}

#[test]
fn a_removed_lock_file_lets_no_second_server_in() {
    let server = Server::start();
    std::fs::remove_file(server.data_dir().join("moocflix.lock")).unwrap();
    let mut second = moocflix();
    second.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    let second = run(second.arg(server.data_dir()), "");
    let error = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(error.contains("another MoocFlix server"), "{error}");
}

#[test]
fn a_folder_that_was_open_to_everybody_is_closed_with_all_that_is_made_in_it() {
    // the self-test of the cage makes files and removes them meanwhile
    let mode = |path: &Path| std::fs::metadata(path).map_or(0, |it| it.permissions().mode() & 0o777);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    let _server = Server::start_in(folder.path(), &[]);
    assert_eq!(mode(&data), 0o700);
    let mut folders = vec![data];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
}

#[test]
fn a_folder_is_free_again_after_its_server_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let mut server = Server::start_in(folder.path(), &[]);
        server.signal(rustix::process::Signal::KILL);
        server.ended(Duration::from_secs(10));
    }
}

#[test]
fn a_taken_address_is_reported() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    for key in ["MOOCFLIX_LISTEN", "MOOCFLIX_METRICS_LISTEN"] {
        let mut command = moocflix();
        command.args(["serve", "--data-dir"]).arg(folder.path());
        command.env("MOOCFLIX_LISTEN", "127.0.0.1:0").env(key, &address);
        let output = run(&mut command, "");
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(error.contains(&format!("{address} is taken")), "{error}");
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 0, "{key}: nothing is made before both addresses are bound");
    }
}

#[test]
fn only_the_owner_can_read_the_data_directory() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("made/here");
    let migrated = run(moocflix().args(["migrate", "--data-dir"]).arg(&data), "");
    assert!(
        migrated.status.success(),
        "{}",
        String::from_utf8_lossy(&migrated.stderr)
    );
    let mode = std::fs::metadata(&data).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let server = Server::start();
    let secret = std::fs::metadata(server.data_dir().join("secret.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(secret & 0o777, 0o600);
}
