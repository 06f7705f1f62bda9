//! Protection by the process itself: no core dumps, no files of secrets that others can read.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use crate::server::Home;

/// Settings with which production starts.
fn production() -> Home {
    let mut home = Home::new();
    home.set("mode", "production");
    home.set("public_url", "https://id.example.com");
    home.set("edge.trusted_proxies", "127.0.0.1");
    home.set("secrets.key_ring_file", "ring");
    home.set("notify.email.transport", "smtp");
    home.set("notify.email.smtp_url", "smtps://user:password@127.0.0.1:1");
    home.set("notify.email.from", "a@example.com");
    home
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_writes_no_core_dump() {
    let server = Home::new().start().await;
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    // A process that may not be dumped cannot be traced either; its files in /proc belong to root.
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    if let Some(dumping) = status.lines().find_map(|line| line.strip_prefix("CoreDumping:")) {
        assert_eq!(dumping.trim(), "0");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn production_removes_permissions_of_others_from_its_own_files() {
    let mut home = production();
    home.set("secrets.pepper_file", "pepper");
    let pepper = home.path().join("pepper");
    fs::write(&pepper, "sixteen bytes or more").unwrap();
    set_mode(&pepper, 0o644);
    home.set("notify.email.smtp_url", "");
    home.set("notify.email.smtp_url_file", "smtp_url");
    let smtp_url = home.path().join("smtp_url");
    fs::write(&smtp_url, "smtps://user:password@127.0.0.1:1").unwrap();
    set_mode(&smtp_url, 0o604);
    fs::create_dir(home.store()).unwrap();
    set_mode(&home.store(), 0o755);
    let server = home.start().await;
    assert_eq!([mode(&home.store()), mode(&pepper), mode(&smtp_url)], [0o700, 0o600, 0o600]);
    let written = server.written();
    assert!(written.contains("pepper") && written.contains("0644"), "{written}");
    server.ask_to_stop();
    assert_eq!(server.ended(Duration::from_secs(8)).await.0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn production_refuses_a_file_of_another_user_that_others_can_read() {
    for (file, key) in
        [("secrets.pepper_file", "secrets.pepper_file"), ("notify.email.smtp_url_file", "notify.email.smtp_url")]
    {
        let mut home = production();
        if file == "notify.email.smtp_url_file" {
            home.set("notify.email.smtp_url", "");
        }
        home.set(file, "secret");
        let secret = home.path().join("secret");
        fs::write(&secret, "smtps://user:password@127.0.0.1:1").unwrap();
        set_mode(&secret, 0o644);
        if std::os::unix::fs::chown(&secret, Some(65_534), None).is_err() {
            // Only root can change the owner of a file; otherwise a file of root is used.
            home.set("notify.email.smtp_url", "smtps://127.0.0.1:1");
            home.set("secrets.pepper_file", "/etc/passwd");
        }
        refuses(&home, key).await;
    }
}

/// Both the start and the check refuse the file of the key.
async fn refuses(home: &Home, key: &str) {
    for arguments in [&["serve"][..], &["config", "check", "--production"]] {
        let output = home.run(arguments).await;
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!output.status.success(), "{text}");
        let is_named = text.contains(key) || text.contains("secrets.pepper_file");
        assert!(is_named && text.contains("others can read") && text.contains("chmod o="), "{text}");
    }
    assert!(!home.store().exists(), "a refused start left a directory");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_directory_of_the_store_is_for_its_user_alone_in_development_too() {
    let home = Home::new();
    fs::create_dir(home.store()).unwrap();
    set_mode(&home.store(), 0o755);
    let _server = home.start().await;
    assert_eq!(mode(&home.store()), 0o700);
}
