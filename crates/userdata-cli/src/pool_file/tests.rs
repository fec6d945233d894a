//! Tests of the file of `--pool`: each fault is told with its line.

use tempfile::TempDir;

use super::*;

const GOOD: &str = "endpoints = [\"http://127.0.0.1:2379\"]\nhost = \"a\"\n";

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn read_in(folder: &TempDir, text: &str) -> Result<PoolFile, PoolFileError> {
    let path = folder.path().join("pool.toml");
    fs::write(&path, text).unwrap();
    PoolFile::read(&path)
}

/// The line and the reason for which a text is refused.
fn refused_in(folder: &TempDir, text: &str) -> (usize, String) {
    match read_in(folder, text) {
        Err(PoolFileError::Refused { line, reason, .. }) => (line, reason.to_string()),
        other => panic!("{text}: {other:?}"),
    }
}

fn refused(text: &str) -> (usize, String) {
    refused_in(&folder(), text)
}

fn make(folder: &TempDir, name: &str, text: &str, mode: u32) {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn two_keys_are_enough() {
    let file = read_in(&folder(), GOOD).unwrap();
    assert_eq!(file.host.as_str(), "a");
    assert_eq!(file.etcd.endpoints.len(), 1);
    assert!(file.etcd.tls.is_none() && file.etcd.login.is_none());
    assert_eq!(file.options.prefix, "/userdata/");
}

#[test]
fn every_key_is_read() {
    let folder = folder();
    make(&folder, "ca.pem", "CA", 0o644);
    make(&folder, "own.pem", "CERT", 0o644);
    make(&folder, "own.key", "KEY", 0o600);
    make(&folder, "password", "secret\n", 0o640);
    let text = "endpoints = [\"https://m0:2379\", \"https://m1:2379\"]\nhost = \"rack-1.b\"\n\
                prefix = \"/x/\"\nca = \"ca.pem\"\ncert = \"own.pem\"\nkey = \"own.key\"\n\
                user = \"u\"\npassword-file = \"password\"\nmax-ops = 64\nmax-bytes = 100000\n";
    let file = read_in(&folder, text).unwrap();
    assert_eq!(file.etcd.endpoints.len(), 2);
    let tls = file.etcd.tls.unwrap();
    assert_eq!(tls.ca, b"CA");
    assert_eq!(tls.identity, Some((b"CERT".to_vec(), b"KEY".to_vec())));
    let login = file.etcd.login.unwrap();
    assert_eq!((&*login.user, &*login.password), ("u", "secret"));
    let PoolOptions {
        prefix,
        max_ops,
        max_bytes,
        ..
    } = file.options;
    assert_eq!((&*prefix, max_ops, max_bytes), ("/x/", 64, 100_000));
}

#[test]
fn what_is_not_toml_and_an_unknown_key_have_their_line() {
    let (line, reason) = refused(&format!("{GOOD}\nendpoint = 1\n"));
    assert_eq!(line, 4);
    assert!(reason.contains("endpoint"), "{reason}");
    assert_eq!(refused(&format!("{GOOD}host\n")).0, 3);
    let (line, reason) = refused("host = \"a\"\nendpoints = 7\n");
    assert_eq!(line, 2);
    assert!(reason.contains("integer"), "{reason}");
}

#[test]
fn a_file_without_member_or_host_is_refused() {
    assert_eq!(
        refused("host = \"a\"\n"),
        (1, "'endpoints' is missing".into())
    );
    let (line, reason) = refused("host = \"a\"\nendpoints = []\n");
    assert_eq!(
        (line, &*reason),
        (2, "'endpoints' names no member of the cluster")
    );
    let (_, reason) = refused("endpoints = [\"http://127.0.0.1:1\"]");
    assert_eq!(reason, "'host' is missing");
}

#[test]
fn an_endpoint_is_a_url_and_http_stays_here() {
    let refused = |url: &str| {
        refused(&format!(
            "host = \"a\"\nendpoints = [\n\"http://127.0.0.1:1\",\n\"{url}\"]\n"
        ))
    };
    for (url, word) in [
        ("m0:2379", "neither https"),
        ("https://m0", "no port"),
        ("http://10.0.0.1:2379", "use https"),
    ] {
        let (line, reason) = refused(url);
        assert_eq!(line, 4, "{url}");
        assert!(reason.contains(url) && reason.contains(word), "{reason}");
    }
}

#[test]
fn https_needs_a_ca() {
    let (line, reason) = refused("host = \"a\"\nendpoints = [\"https://m0:2379\"]\n");
    assert_eq!((line, &*reason), (2, "'https' needs 'ca' as well"));
}

#[test]
fn a_bad_host_name_is_refused() {
    let (line, reason) = refused("endpoints = [\"http://127.0.0.1:1\"]\nhost = \"A b\"\n");
    assert_eq!(line, 2);
    assert!(reason.contains("'A b'"), "{reason}");
}

#[test]
fn a_key_or_password_that_others_can_read_is_refused() {
    let folder = folder();
    make(&folder, "file", "text", 0o644);
    let exposed = "can be read or written by others";
    for keys in [
        "user = \"u\"\npassword-file = \"file\"\n",
        "cert = \"file\"\nkey = \"file\"\n",
    ] {
        let (line, reason) = refused_in(&folder, &format!("{GOOD}{keys}"));
        assert_eq!(line, 4, "{keys}");
        assert!(reason.contains(exposed), "{reason}");
    }
}

#[test]
fn keys_that_belong_together_are_given_together() {
    let folder = folder();
    make(&folder, "file", "text", 0o600);
    for (keys, text) in [
        ("cert = \"file\"", "'cert' needs 'key' as well"),
        ("key = \"file\"", "'key' needs 'cert' as well"),
        ("user = \"u\"", "'user' needs 'password-file' as well"),
        (
            "password-file = \"file\"",
            "'password-file' needs 'user' as well",
        ),
    ] {
        let (line, reason) = refused_in(&folder, &format!("{GOOD}{keys}\n"));
        assert_eq!((line, &*reason), (3, text));
    }
}

#[test]
fn prefix_and_limits_are_checked() {
    for (key, text) in [
        ("prefix = \"/x\"", "'/x' does not end with '/'"),
        ("max-ops = 0", "'max-ops' is not above 0"),
        ("max-bytes = 0", "'max-bytes' is not above 0"),
    ] {
        let (line, reason) = refused(&format!("{GOOD}{key}\n"));
        assert_eq!((line, &*reason), (3, text));
    }
    assert_eq!(refused(&format!("{GOOD}max-ops = -1\n")).0, 3);
}

#[test]
fn a_file_that_is_absent_or_empty_is_told() {
    let folder = folder();
    let (line, reason) = refused_in(&folder, &format!("{GOOD}ca = \"none.pem\"\n"));
    assert_eq!(line, 3);
    assert!(reason.contains("none.pem"), "{reason}");
    make(&folder, "empty", "\n", 0o600);
    let keys = "user = \"u\"\npassword-file = \"empty\"\n";
    let (_, reason) = refused_in(&folder, &format!("{GOOD}{keys}"));
    assert!(reason.ends_with("is empty"), "{reason}");
    let unread = PoolFile::read(&folder.path().join("absent.toml"));
    assert!(matches!(unread, Err(PoolFileError::Unread { .. })));
}
