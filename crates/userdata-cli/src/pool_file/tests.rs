//! Tests of the file of `--pool`: each fault is told with its line.

use tempfile::TempDir;

use super::*;
use crate::chain::chain;
use crate::pool::PoolFailure;
use crate::status::Status;

const GOOD: &str = "endpoints = [\"http://127.0.0.1:2379\"]\nhost = \"a\"\n";

/// A certificate that was made for these tests alone, and its key.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBczCCARmgAwIBAgIUTjJy3s+cGhpNZAsj6iZd/zgkz/MwCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDb25lMCAXDTI2MTEyOTE3MzI0MVoYDzIxMjYxMTA1MTczMjQx
WjAOMQwwCgYDVQQDDANvbmUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASDUATR
b51ALeXcBf87KiF4nwPcHooQKPD5Dd1pzgdFUUXTmOtQxI3wN79RlY9LB06u8JNH
sSdlzB38rx8paBXGo1MwUTAdBgNVHQ4EFgQU9a1UOXaLC37ZszH9SPX5N1YDnd8w
HwYDVR0jBBgwFoAU9a1UOXaLC37ZszH9SPX5N1YDnd8wDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNIADBFAiASTcdHjxbqyLbzz6YmegLOdvOikzS5KDOoDSgV
WLiuRgIhAL1U2dt3xAma7zGxnb+t3lAPvtwk3LWO3vmoKN4NaGz2
-----END CERTIFICATE-----\n";
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5qXhcg4lfkB5bKB7
ExR4oO6PyWraRaHblXL+L6RI6jChRANCAASDUATRb51ALeXcBf87KiF4nwPcHooQ
KPD5Dd1pzgdFUUXTmOtQxI3wN79RlY9LB06u8JNHsSdlzB38rx8paBXG
-----END PRIVATE KEY-----\n";

/// The key of another certificate.
const OTHER_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgEK+NFSFDpdsZ+xA8
GTkELviKt3Uwdh2PHlfyMDMCYtihRANCAAR43rHsFBf1G3oFCl6WLBgrSwLuku/E
i4tHR4n74odTgJsgSu7EWCUc3epiKnRFz/60zZYbRAe9mHCoZpM3iOVz
-----END PRIVATE KEY-----\n";

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
        Err(PoolFileError::Refused { line, reason, .. }) => (line, chain(&reason)),
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
    make(&folder, "ca.pem", CERTIFICATE, 0o644);
    make(&folder, "own.pem", CERTIFICATE, 0o644);
    make(&folder, "own.key", KEY, 0o600);
    make(&folder, "password", "secret\n", 0o640);
    let text = "endpoints = [\"https://m0:2379\", \"https://m1:2379\"]\nhost = \"rack-1.b\"\n\
                prefix = \"/x/\"\nca = \"ca.pem\"\ncert = \"own.pem\"\nkey = \"own.key\"\n\
                user = \"u\"\npassword-file = \"password\"\nmax-ops = 64\nmax-bytes = 100000\n";
    let file = read_in(&folder, text).unwrap();
    assert_eq!(file.etcd.endpoints.len(), 2);
    let tls = file.etcd.tls.unwrap();
    assert_eq!(tls.ca, CERTIFICATE.as_bytes());
    let identity = (CERTIFICATE.as_bytes().to_vec(), KEY.as_bytes().to_vec());
    assert_eq!(tls.identity, Some(identity));
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
    assert!(reason.contains("not a list of texts"), "{reason}");
}

#[test]
fn a_value_of_another_type_is_told_without_the_words_of_the_parser() {
    let number = "is not a whole number above 0 that this machine can count to";
    let text = "is not a text in quotation marks";
    for (line, told) in [
        ("max-ops = \"x\"", format!("'max-ops' {number}")),
        ("max-ops = 1.5", format!("'max-ops' {number}")),
        ("max-ops = -1", format!("'max-ops' {number}")),
        ("max-ops = 0", format!("'max-ops' {number}")),
        (
            "max-bytes = 99999999999999999999999",
            format!("'max-bytes' {number}"),
        ),
        ("prefix = 7", format!("'prefix' {text}")),
        ("ca = [\"a\"]", format!("'ca' {text}")),
        ("user = true", format!("'user' {text}")),
    ] {
        assert_eq!(refused(&format!("{GOOD}{line}\n")), (3, told), "{line}");
    }
    let found = refused("host = \"a\"\nendpoints = [\n7]\n");
    assert_eq!(found, (3, format!("'endpoints' {text}")));
    let file = read_in(
        &folder(),
        &format!("{GOOD}max-ops = 0x40\nmax-bytes = 1_000\n"),
    );
    let options = file.unwrap().options;
    assert_eq!((options.max_ops, options.max_bytes), (64, 1_000));
}

#[test]
fn no_text_is_empty() {
    let folder = folder();
    make(&folder, "file", "secret\n", 0o600);
    for (line, key) in [
        ("user = \"\"\npassword-file = \"file\"", "user"),
        ("password-file = \"\"\nuser = \"u\"", "password-file"),
        ("prefix = \"\"", "prefix"),
        ("ca = \"\"", "ca"),
    ] {
        let told = format!("'{key}' is an empty text");
        let found = refused_in(&folder, &format!("{GOOD}{line}\n"));
        assert_eq!(found, (3, told), "{line}");
    }
    let told = "'endpoints' is an empty text";
    let found = refused("host = \"a\"\nendpoints = [\n\"\"]\n");
    assert_eq!(found, (3, told.to_owned()));
}

#[test]
fn a_certificate_or_key_that_is_none_is_told_with_its_file() {
    let folder = folder();
    let broken = CERTIFICATE.replace("MII", "AAA");
    for (name, text) in [
        ("good.pem", CERTIFICATE),
        ("good.key", KEY),
        ("other.key", OTHER_KEY),
        ("text", "text\n"),
        ("empty", ""),
        ("broken.pem", &broken),
    ] {
        make(&folder, name, text, 0o600);
    }
    let certificate = "this is not a certificate in PEM";
    let key = "this is not a private key in PEM without a passphrase";
    for ([ca, cert, own], line, file, told) in [
        (["text", "good.pem", "good.key"], 3, "text", certificate),
        (
            ["good.key", "good.pem", "good.key"],
            3,
            "good.key",
            certificate,
        ),
        (["empty", "good.pem", "good.key"], 3, "empty", certificate),
        (["good.pem", "text", "good.key"], 4, "text", certificate),
        (
            ["good.pem", "broken.pem", "good.key"],
            4,
            "broken.pem",
            certificate,
        ),
        (["good.pem", "good.pem", "text"], 5, "text", key),
        (["good.pem", "good.pem", "good.pem"], 5, "good.pem", key),
        (
            ["good.pem", "good.pem", "other.key"],
            5,
            "other.key",
            "this private key does not belong to the certificate",
        ),
    ] {
        let keys = format!("ca = \"{ca}\"\ncert = \"{cert}\"\nkey = \"{own}\"\n");
        let (found, reason) = refused_in(&folder, &format!("{GOOD}{keys}"));
        assert_eq!(found, line, "{keys}{reason}");
        assert!(
            reason.contains(&format!("{file}: {told}")),
            "{keys}{reason}"
        );
    }
    let keys = "ca = \"good.pem\"\ncert = \"good.pem\"\nkey = \"good.key\"\n";
    assert!(read_in(&folder, &format!("{GOOD}{keys}")).is_ok());
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
        (
            "max-ops = 0",
            "'max-ops' is not a whole number above 0 that this machine can count to",
        ),
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

/// The exit status and the message for a file that is not read.
fn unread(path: &Path) -> (Status, String) {
    let failure = PoolFailure::File(PoolFile::read(path).unwrap_err());
    (Status::from(&failure), chain(&failure))
}

#[test]
fn a_file_that_cannot_be_one_is_wrong_usage_and_an_absent_one_is_a_failure() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("binary"), b"host = \"\xff\"\n").unwrap();
    fs::write(path("large"), vec![b'#'; (1 << 20) + 1]).unwrap();
    for (path, status, told) in [
        (folder.path().to_owned(), Status::Usage, "it is a directory"),
        (path("binary"), Status::Usage, "it is not text in UTF-8"),
        (path("large"), Status::Usage, "it is larger than 1 MiB"),
        (path("absent"), Status::Failure, "No such file or directory"),
    ] {
        let (found, message) = unread(&path);
        let begin = format!(
            "cannot read {}, the file of the pool: {told}",
            path.display()
        );
        assert!(message.starts_with(&begin), "{message}");
        assert_eq!(found, status, "{message}");
    }
    // Of a file that this one names, the line is wrong.
    for (name, told) in [("binary", "UTF-8"), ("large", "1 MiB"), (".", "directory")] {
        fs::set_permissions(path(name), fs::Permissions::from_mode(0o700)).unwrap();
        let keys = format!("user = \"u\"\npassword-file = \"{name}\"\n");
        let (line, reason) = refused_in(&folder, &format!("{GOOD}{keys}"));
        assert_eq!(line, 4);
        assert!(reason.contains(told), "{reason}");
    }
}
