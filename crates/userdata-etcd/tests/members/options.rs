//! Options that no engine can be made of.

use userdata_etcd::{EtcdEngine, EtcdError, EtcdOptions, Login, Tls};

fn options(url: &str) -> EtcdOptions {
    EtcdOptions {
        endpoints: vec![url.parse().unwrap()],
        ..EtcdOptions::default()
    }
}

#[test]
fn an_engine_has_an_endpoint() {
    let error = EtcdEngine::new(EtcdOptions::default()).unwrap_err();
    assert!(matches!(error, EtcdError::NoEndpoint), "{error:?}");
}

#[test]
fn https_has_the_certificate_of_a_ca() {
    let mut options = options("https://127.0.0.1:2379");
    let no_certificate = Tls {
        ca: b"no certificate".to_vec(),
        identity: None,
    };
    for tls in [None, Some(no_certificate)] {
        options.tls = tls;
        let error = EtcdEngine::new(options.clone()).unwrap_err();
        assert!(matches!(error, EtcdError::Tls(_)), "{error:?}");
    }
}

#[test]
fn no_secret_is_shown() {
    let mut options = options("https://127.0.0.1:2379");
    options.login = Some(Login {
        user: "xen".into(),
        password: "secret".into(),
    });
    options.tls = Some(Tls {
        ca: Vec::new(),
        identity: Some((b"certificate".to_vec(), b"secret".to_vec())),
    });
    let text = format!("{options:?}");
    assert!(text.contains("xen") && !text.contains("secret"), "{text}");
    assert!(!text.contains(&format!("{:?}", b"secret")), "{text}");
}
