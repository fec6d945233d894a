//! The JSON form of a host, `hv-sim/host/1`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use userdata_core::{Domid, Uuid};

use crate::guest::Stage;
use crate::state::{Counters, DOMAIN_ZERO};
use crate::{Guest, HostOptions, HostState, NAME_BYTES_MAX, ShutdownReason};

impl HostState {
    /// The state as JSON, in the stable form `hv-sim/host/1`.
    ///
    /// One object; written in exactly this order, two spaces deep, with a newline at the end:
    ///
    /// | field | |
    /// |---|---|
    /// | `schema` | always `"hv-sim/host/1"` |
    /// | `seed` | number, 64 bits |
    /// | `spurious_one_in` | number, 32 bits |
    /// | `reports_dying` | boolean |
    /// | `boot` | number of boots, from 1 |
    /// | `incarnations` | number of domains so far, in all boots |
    /// | `events` | number of events so far |
    /// | `last_domid` | the domid that was given last, 0 for none |
    /// | `domains` | array, in order of domid, Domain-0 first |
    ///
    /// and of a domain:
    ///
    /// | field | |
    /// |---|---|
    /// | `domid` | number, 0 to 32751, each once |
    /// | `uuid` | string, 8-4-4-4-12 in lower case |
    /// | `name` | string of 1 to 256 bytes, or null; domains that are not leaving share none |
    /// | `incarnation` | number, from 1 to `incarnations`, each once |
    /// | `life` | `"alive"`, `"dying"` or `"dead"` |
    /// | `leaving` | boolean: its toolstack has begun to destroy it |
    /// | `paused` | true if the domain is paused, else left out |
    /// | `shutdown` | null, or a [`ShutdownReason`] such as `"soft_reset"` |
    /// | `pinned` | boolean: stays as a zombie |
    /// | `hidden` | boolean: a policy hides it |
    ///
    /// If this form changes, `schema` changes. Unknown fields are refused.
    ///
    /// # Panics
    ///
    /// Never: every field of a host can be written.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a host has only plain fields");
        text.push('\n');
        text
    }

    /// The state that was written as this JSON.
    ///
    /// # Errors
    ///
    /// If it is not JSON of the form that [`HostState::to_json`] writes, or if there can be no such
    /// host: without Domain-0, with one name twice, and so on.
    pub fn from_json(json: &[u8]) -> Result<Self, MalformedHost> {
        serde_json::from_slice(json).map_err(MalformedHost)
    }
}

/// Why bytes are not a simulated host. The source says what is wrong and on which line.
#[derive(Debug, Error)]
#[error("not a simulated host of the form hv-sim/host/1")]
pub struct MalformedHost(#[source] serde_json::Error);

#[derive(Serialize, Deserialize)]
enum Schema {
    #[serde(rename = "hv-sim/host/1")]
    One,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HostForm {
    schema: Schema,
    seed: u64,
    spurious_one_in: u32,
    reports_dying: bool,
    boot: u64,
    incarnations: u64,
    events: u64,
    last_domid: Domid,
    domains: Vec<DomainForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DomainForm {
    domid: Domid,
    uuid: Uuid,
    name: Option<String>,
    incarnation: u64,
    life: Stage,
    leaving: bool,
    shutdown: Option<ShutdownReason>,
    /// Absent in the files of earlier releases.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    paused: bool,
    pinned: bool,
    hidden: bool,
}

impl Serialize for HostState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = HostForm {
            schema: Schema::One,
            seed: self.options.seed,
            spurious_one_in: self.options.spurious_one_in,
            reports_dying: self.options.reports_dying,
            boot: self.counters.boot,
            incarnations: self.counters.incarnations,
            events: self.counters.events,
            last_domid: self.counters.last_domid,
            domains: self
                .guests()
                .map(|(domid, guest)| DomainForm {
                    domid,
                    uuid: guest.uuid,
                    name: guest.name.clone(),
                    incarnation: guest.incarnation,
                    life: guest.stage,
                    leaving: guest.leaving,
                    shutdown: guest.shutdown,
                    paused: guest.paused,
                    pinned: guest.pinned,
                    hidden: guest.hidden,
                })
                .collect(),
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for HostState {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = HostForm::deserialize(deserializer)?;
        Self::try_from(form).map_err(serde::de::Error::custom)
    }
}

/// Why the host is impossible, although the form of the JSON is right.
#[derive(Debug, Error)]
enum Impossible {
    #[error("Domain-0 is missing")]
    NoDomainZero,
    #[error("domain 0 is not the Domain-0 that every host has: alive, and with that name")]
    NotDomainZero,
    #[error("the boots are counted from 1")]
    NoBoot,
    #[error("domain {0} is not after the one before it: domains must be in order of domid")]
    Order(Domid),
    #[error(
        "domain {0} has the incarnation of another, or a number above the count of incarnations"
    )]
    Incarnation(Domid),
    #[error("domain {0} has a name that is empty or too long")]
    NameLength(Domid),
    #[error("domain {0} has the name of another")]
    NameTaken(Domid),
}

impl TryFrom<HostForm> for HostState {
    type Error = Impossible;

    fn try_from(form: HostForm) -> Result<Self, Impossible> {
        let mut guests = BTreeMap::new();
        let mut names = BTreeSet::new();
        let mut incarnations = BTreeSet::new();
        for domain in form.domains {
            let domid = domain.domid;
            let guest = Guest::from(domain);
            if guests
                .last_key_value()
                .is_some_and(|(last, _)| *last >= domid)
            {
                return Err(Impossible::Order(domid));
            }
            if !(1..=form.incarnations).contains(&guest.incarnation)
                || !incarnations.insert(guest.incarnation)
            {
                return Err(Impossible::Incarnation(domid));
            }
            if guest
                .name
                .as_ref()
                .is_some_and(|name| !matches!(name.len(), 1..=NAME_BYTES_MAX))
            {
                return Err(Impossible::NameLength(domid));
            }
            if guest
                .name()
                .is_some_and(|name| !names.insert(name.to_owned()))
            {
                return Err(Impossible::NameTaken(domid));
            }
            guests.insert(domid, guest);
        }
        if form.boot == 0 {
            return Err(Impossible::NoBoot);
        }
        match guests.get(&Domid::ZERO) {
            None => return Err(Impossible::NoDomainZero),
            Some(zero) if !zero.is_domain_zero() => return Err(Impossible::NotDomainZero),
            Some(_) => {}
        }
        Ok(Self {
            options: HostOptions {
                seed: form.seed,
                spurious_one_in: form.spurious_one_in,
                reports_dying: form.reports_dying,
            },
            counters: Counters {
                boot: form.boot,
                incarnations: form.incarnations,
                events: form.events,
                last_domid: form.last_domid,
            },
            guests,
        })
    }
}

impl From<DomainForm> for Guest {
    fn from(form: DomainForm) -> Self {
        Self {
            uuid: form.uuid,
            name: form.name,
            incarnation: form.incarnation,
            stage: form.life,
            leaving: form.leaving,
            shutdown: form.shutdown,
            paused: form.paused,
            pinned: form.pinned,
            hidden: form.hidden,
        }
    }
}

impl Guest {
    /// Whether it has all properties that Domain-0 keeps in every event.
    fn is_domain_zero(&self) -> bool {
        self.name() == Some(DOMAIN_ZERO)
            && self.stage == Stage::Alive
            && self.shutdown.is_none()
            && !self.paused
            && !self.pinned
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::{Event, NewDomain};

    const FORM: &str = r#"{
  "schema": "hv-sim/host/1",
  "seed": 7,
  "spurious_one_in": 0,
  "reports_dying": true,
  "boot": 1,
  "incarnations": 2,
  "events": 1,
  "last_domid": 1,
  "domains": [
    {
      "domid": 0,
      "uuid": "00000000-0000-0000-0000-000000000000",
      "name": "Domain-0",
      "incarnation": 1,
      "life": "alive",
      "leaving": false,
      "shutdown": null,
      "pinned": false,
      "hidden": false
    },
    {
      "domid": 1,
      "uuid": "11111111-2222-3333-4444-555555555555",
      "name": "web",
      "incarnation": 2,
      "life": "alive",
      "leaving": false,
      "shutdown": null,
      "pinned": false,
      "hidden": false
    }
  ]
}
"#;

    #[test]
    fn the_form_is_stable() {
        let mut host = HostState::new(HostOptions::new(7).with_spurious_one_in(0));
        let uuid = "11111111-2222-3333-4444-555555555555".parse().unwrap();
        let web = NewDomain::new().with_name("web").with_uuid(uuid);
        host.apply(&Event::Create(web)).unwrap();
        assert_eq!(host.to_json(), FORM);
        assert_eq!(HostState::from_json(FORM.as_bytes()).unwrap(), host);
    }

    #[test]
    fn an_impossible_host_is_refused_and_the_error_says_why() {
        for (from, to, why) in [
            ("host/1", "host/2", "unknown variant `hv-sim/host/2`"),
            ("\"seed\": 7", "\"sead\": 7", "unknown field `sead`"),
            ("\"boot\": 1", "\"boot\": 0", "counted from 1"),
            ("\"boot\": 1", "\"boot\": -1", "invalid value"),
            ("\"domid\": 1", "\"domid\": 0", "domain 0 is not after"),
            ("\"domid\": 1", "\"domid\": 32752", "above 32751"),
            ("\"domid\": 0", "\"domid\": 2", "domain 1 is not after"),
            ("last_domid\": 1", "last_domid\": 32752", "above 32751"),
            (
                "\"incarnation\": 2",
                "\"incarnation\": 1",
                "domain 1 has the incarnation",
            ),
            (
                "\"incarnation\": 2",
                "\"incarnation\": 3",
                "domain 1 has the incarnation",
            ),
            ("\"web\"", "\"\"", "domain 1 has a name that is empty"),
            (
                "\"web\"",
                "\"Domain-0\"",
                "domain 1 has the name of another",
            ),
            ("Domain-0", "Domain-1", "domain 0 is not the Domain-0"),
            ("\"alive\"", "\"dead\"", "domain 0 is not the Domain-0"),
            (
                "\"shutdown\": null",
                "\"shutdown\": \"crash\"",
                "domain 0 is not the Domain-0",
            ),
            ("\"alive\"", "\"undead\"", "unknown variant `undead`"),
        ] {
            let json = FORM.replacen(from, to, 1);
            assert_ne!(json, FORM, "{from}");
            let error = HostState::from_json(json.as_bytes()).unwrap_err();
            let source = error.source().unwrap().to_string();
            assert!(source.contains(why), "{from} -> {to}: {source}");
        }
    }

    #[test]
    fn a_host_without_domain_0_and_half_a_host_are_refused() {
        let zero = FORM.find("    {\n").unwrap()..FORM.rfind("    {\n").unwrap();
        let mut headless = FORM.to_owned();
        headless.replace_range(zero, "");
        let error = HostState::from_json(headless.as_bytes()).unwrap_err();
        assert!(
            error
                .source()
                .unwrap()
                .to_string()
                .contains("Domain-0 is missing")
        );
        for end in 0..FORM.len() - 2 {
            assert!(HostState::from_json(&FORM.as_bytes()[..end]).is_err());
        }
    }

    #[test]
    fn an_event_is_an_object_named_by_its_event() {
        let event: Event =
            serde_json::from_str(r#"{"event":"destroy","domid":3,"until":"gone"}"#).unwrap();
        let domid = Domid::new(3).unwrap();
        let until = crate::Until::Gone;
        assert_eq!(event, Event::Destroy { domid, until });
        let create = Event::Create(NewDomain::new().with_domid(domid));
        let json = serde_json::to_string(&create).unwrap();
        assert_eq!(json, r#"{"event":"create","domid":3}"#);
        assert!(serde_json::from_str::<Event>(r#"{"event":"kill","domid":40000}"#).is_err());
    }
}
