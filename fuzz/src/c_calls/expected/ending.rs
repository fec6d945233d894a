//! What a clear, the destruction of a domain and a sweep answer.

use hv_sim::Event;
use userdata_capi::called::{Domain, SweepOptions, Swept};
use userdata_core::file_name::Owner;
use userdata_core::{DomainKey, Domid, Hypervisor as _, Life};

use super::{CALLBACK, DESTROYING, Expected, INVAL, Result, VERSION, target};
use crate::c_calls::input::{Destroying, Given, Pointer, Size, Sweeping, until};
use crate::model::Model;

impl Expected {
    /// The size of `userdata_sweep_totals`.
    pub(in crate::c_calls) const TOTALS: usize = 7 * 8;

    pub(super) fn clear(&mut self, domain: Domain, flags: u32) -> Result<()> {
        if flags > 1 {
            return Err(INVAL);
        }
        let key = self.key_to_read(target(domain)?)?;
        let exists = matches!(self.life(&key)?, Some(Life::Alive | Life::Dying));
        self.values.retain(&key, |userid| {
            exists && flags == 0 && userid.is_libxl_json()
        });
        Ok(())
    }

    /// `called` becomes what the caller's function gets.
    pub(super) fn destroy(
        &mut self,
        domain: Domain,
        how: Option<Destroying>,
        called: &mut Option<DomainKey>,
    ) -> Result<()> {
        let how = how.ok_or(INVAL)?;
        let key = self.to_begin(domain)?;
        *called = Some(key);
        if let Some(stage) = how.until {
            let (domid, until) = (key.domid, until(stage));
            let _ = self.host.apply(&Event::Destroy { domid, until });
        }
        let is_destroyed = how.code == 0;
        match self.life(&key) {
            Ok(Some(Life::Alive)) => Err(CALLBACK),
            Err(code) => Err(if is_destroyed { code } else { CALLBACK }),
            Ok(_) => {
                self.values.clear(&key);
                match is_destroyed {
                    true => Ok(()),
                    false => Err(CALLBACK),
                }
            }
        }
    }

    pub(super) fn begin(&mut self, domain: Domain, place: Given) -> Result<()> {
        if !place.is() {
            return Err(INVAL);
        }
        let key = self.to_begin(domain)?;
        self.begun.push(key);
        Ok(())
    }

    fn to_begin(&self, domain: Domain) -> Result<DomainKey> {
        let (key, _) = self.find(target(domain)?)?;
        match self.begun.contains(&key) {
            true => Err(DESTROYING),
            false => Ok(key),
        }
    }

    pub(super) fn end(&mut self, key: DomainKey, is_destroyed: bool) -> Result<()> {
        match self.life(&key)? {
            Some(Life::Alive) if is_destroyed => Err(CALLBACK),
            Some(Life::Alive) => Ok(()),
            _ => {
                self.values.clear(&key);
                Ok(())
            }
        }
    }

    pub(super) fn sweep(
        &mut self,
        pointer: Pointer,
        options: Option<Sweeping>,
        totals: Option<Size>,
    ) -> Swept {
        let totals_size = totals.map(|size| size.of(Self::TOTALS));
        let has_totals = totals_size.is_some_and(|size| size >= Self::TOTALS);
        let mut swept = Swept {
            code: 0,
            totals: if has_totals { [0; 2] } else { [u64::MAX; 2] },
            going: Vec::new(),
        };
        let checked = || {
            self.context(pointer)?;
            if totals.is_some() && !has_totals {
                return Err(INVAL);
            }
            let Some(options) = options else {
                return Ok((false, true));
            };
            match options.size.of(SweepOptions::SIZE) {
                size if size < SweepOptions::SIZE => return Err(INVAL),
                size if size > SweepOptions::SIZE => return Err(VERSION),
                _ => {}
            }
            if options.flags > 3 {
                return Err(INVAL);
            }
            Ok((options.flags & 1 != 0, !options.settles))
        };
        let (is_dry, is_settled) = match checked() {
            Ok(checked) => checked,
            Err(code) => {
                swept.code = code;
                return swept;
            }
        };
        for key in self.values.domains() {
            let found = self.host.domain(key.domid);
            let is_gone = matches!(&found, Ok(None))
                || matches!(&found, Ok(Some(found)) if found.life == Life::Dead);
            let begun = !is_dry && self.begun.contains(&key);
            if key.domid == Domid::ZERO || !is_gone || begun || !is_settled {
                continue;
            }
            let userids = self
                .values
                .list(&key)
                .map(|(userid, _)| userid.as_bytes().to_vec());
            let domid = u32::from(key.domid.get());
            swept.going.extend(userids.map(|userid| (domid, userid)));
            if !is_dry {
                self.values.clear(&key);
            }
        }
        swept.going.sort();
        if has_totals {
            swept.totals = [swept.going.len() as u64, 0];
        }
        if options.is_none() {
            // There is no function to tell it to.
            swept.going.clear();
        }
        swept
    }
}

/// Every domain that has values.
impl Model {
    fn domains(&self) -> Vec<DomainKey> {
        let key = |owner: Owner| Some(DomainKey::new(owner.domid?, owner.uuid));
        self.owners().into_iter().filter_map(key).collect()
    }
}
