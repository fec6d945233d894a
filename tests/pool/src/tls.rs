//! Certificates, users and their rights, on a real cluster.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use userdata_etcd::EtcdEngine;
use userdata_pool::{Engine, EngineError, Request, Span, Txn};

use crate::rig::{Rig, pause};
use certificates::Authority;
use secured::Secured;

pub(crate) mod certificates;
pub(crate) mod secured;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Stores a value, reads it, and makes and ends a lease.
fn works(engine: &EtcdEngine) -> Result<()> {
    let key = b"/userdata/key".to_vec();
    let put = Request::Put {
        key: key.clone(),
        value: b"value".to_vec(),
        lease: None,
    };
    let change = Txn {
        requests: vec![put],
        ..Txn::default()
    };
    ensure!(
        engine.txn(&change, TIMEOUT)?.made,
        "the change was not made"
    );
    let answer = engine.txn(&Txn::read([Span::key(key)]), TIMEOUT)?;
    let value = answer.into_pairs().next();
    let value = value.context("the value is missing")?;
    ensure!(value.value == b"value", "another value: {value:?}");
    let lease = engine.grant(Duration::from_secs(5), TIMEOUT)?;
    engine.revoke(lease, TIMEOUT);
    engine.server(TIMEOUT)?;
    Ok(())
}

/// The chain of the error, if the client is refused as it should be.
fn refused(engine: &EtcdEngine, told: &str) -> Result<()> {
    let read = Txn::read([Span::key(b"/userdata/key".to_vec())]);
    let error = match engine.txn(&read, TIMEOUT) {
        Ok(answer) => bail!("answered: {answer:?}"),
        Err(error) => error,
    };
    let is_refusal = matches!(error, EngineError::NotPermitted(_));
    let text = format!("{:#}", anyhow::Error::new(error));
    ensure!(is_refusal && text.contains(told), "not \"{told}\": {text}");
    Ok(())
}

/// Who may do what. The members' certificates are good for a server only.
pub(crate) fn rights(rig: &Rig) -> Result<String> {
    let secured = Secured::start(&rig.programs, &rig.scratch, &[])?;
    let client = |name| secured.authority.client(name);
    let (xen, host, other) = (client("xen")?, client("host")?, client("other")?);
    let password = |user| Some((user, "password"));

    works(&secured.engine(Some(&xen), None)?).context("a certificate alone")?;
    let both = secured.engine(Some(&host), password("agent"))?;
    works(&both).context("a certificate and a password")?;

    let is_refused = |engine: EtcdEngine, told| refused(&engine, told).context(told);
    let login = "wrong user or password";
    is_refused(
        secured.engine(Some(&host), Some(("agent", "wrong")))?,
        login,
    )?;
    is_refused(secured.engine(Some(&host), password("nobody"))?, login)?;
    let keys = "no right on these keys";
    is_refused(secured.engine(Some(&other), None)?, keys)?;
    is_refused(secured.engine(Some(&host), password("other"))?, keys)?;
    is_refused(secured.engine(Some(&host), None)?, keys)?;

    let own = "does not accept this host's certificate";
    is_refused(secured.engine(None, password("agent"))?, own)?;
    let elsewhere = Authority::new(&rig.scratch.join("elsewhere"))?;
    let foreign = elsewhere.client("xen")?;
    is_refused(secured.engine(Some(&foreign), None)?, own)?;

    let mut options = secured.options(Some(&xen), None)?;
    if let Some(tls) = &mut options.tls {
        tls.ca = std::fs::read(&elsewhere.certificate)?;
    }
    is_refused(
        EtcdEngine::new(options)?,
        "the member's certificate is not accepted",
    )?;

    let plain = secured.cluster.endpoints().into_iter();
    let plain = plain.map(|endpoint| endpoint.replace("https:", "http:"));
    let engine = crate::host::engine(&plain.collect::<Vec<_>>())?;
    let read = Txn::read([Span::key(b"key".to_vec())]);
    let told = match engine.txn(&read, Duration::from_secs(1)) {
        Err(error @ EngineError::NotSent(_)) => format!("{:#}", anyhow::Error::new(error)),
        answer => bail!("without TLS: {answer:?}"),
    };
    ensure!(told.contains("https://"), "without TLS: {told}");
    Ok("2 clients served, 9 refused".to_owned())
}

/// A token that has expired is renewed, and the request is sent again.
pub(crate) fn expired_token(rig: &Rig) -> Result<String> {
    let secured = Secured::start(&rig.programs, &rig.scratch, &["--auth-token-ttl", "2"])?;
    let host = secured.authority.client("host")?;
    let engine = secured.engine(Some(&host), Some(("agent", "password")))?;
    works(&engine)?;
    pause(Duration::from_secs(5))?;
    works(&engine).context("after the token has expired")?;
    Ok("a token of 2 s was renewed".to_owned())
}
