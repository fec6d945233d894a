//! Names, which xenstore keeps.

use hv_sim::{EventError, NAME_BYTES_MAX, NewDomain};
use userdata_core::Domid;
use userdata_core::hypervisor::DomainNames;

use crate::{guest, host, named};

#[test]
fn domain_0_has_a_name_and_a_guest_need_not() {
    let host = host();
    assert_eq!(host.name(Domid::ZERO).unwrap().unwrap(), "Domain-0");
    assert_eq!(host.name(guest(&host).domid).unwrap(), None);
    let web = named(&host, "web");
    assert_eq!(host.name(web.domid).unwrap().unwrap(), "web");
}

#[test]
fn a_second_domain_of_one_name_is_refused() {
    let host = host();
    let web = named(&host, "web");
    let taken = |name: &str, domid| EventError::NameTaken {
        name: name.to_owned(),
        domid,
    };
    let error = host.create(NewDomain::new().with_name("web")).unwrap_err();
    assert_eq!(error, taken("web", web.domid));
    let error = host.create(NewDomain::new().with_name("Domain-0"));
    assert_eq!(error.unwrap_err(), taken("Domain-0", Domid::ZERO));
    let other = guest(&host);
    assert_eq!(
        host.rename(other.domid, "web"),
        Err(taken("web", web.domid))
    );
    assert_eq!(host.rename(web.domid, "web"), Ok(()), "its own name");
}

#[test]
fn a_rename_changes_the_name_and_nothing_else() {
    let host = host();
    let web = named(&host, "web");
    let before = host.state();
    host.rename(web.domid, "www").unwrap();
    assert_eq!(host.name(web.domid).unwrap().unwrap(), "www");
    named(&host, "web");
    let state = host.state();
    let (before, after) = (
        before.guest(web.domid).unwrap(),
        state.guest(web.domid).unwrap(),
    );
    assert_eq!(
        (before.uuid(), before.incarnation()),
        (after.uuid(), after.incarnation())
    );
}

#[test]
fn a_name_has_1_to_256_bytes() {
    let host = host();
    for bytes in [0, NAME_BYTES_MAX + 1] {
        let new = NewDomain::new().with_name("n".repeat(bytes));
        assert_eq!(host.create(new), Err(EventError::NameLength { bytes }));
    }
    named(&host, &"n".repeat(NAME_BYTES_MAX));
}

#[test]
fn domain_0_is_not_renamed() {
    assert_eq!(
        host().rename(Domid::ZERO, "dom0"),
        Err(EventError::DomainZero)
    );
}
