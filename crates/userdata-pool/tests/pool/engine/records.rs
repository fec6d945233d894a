//! The records of a cluster, as another program sees and changes them.

use userdata_pool::{Request, Revision, Txn};

use super::{Behind, SimEngine};

impl SimEngine {
    /// The revision of a key; 0 if it is absent.
    pub(crate) fn revision_of(&self, key: &str) -> Revision {
        let state = self.state();
        let version = state.current(key.as_bytes());
        version.map_or(0, |version| version.revision)
    }

    /// Every key that exists.
    pub(crate) fn keys(&self) -> Vec<String> {
        let state = self.state();
        let all = state.keys.keys().filter(|key| state.current(key).is_some());
        all.map(|key| String::from_utf8_lossy(key).into_owned())
            .collect()
    }

    /// Overwrites a key, as another program would.
    pub(crate) fn overwrite(&self, key: &str, value: &[u8]) {
        let (key, value, lease) = (key.as_bytes().to_vec(), value.to_vec(), None);
        self.state().make(&Txn {
            requests: vec![Request::Put { key, value, lease }],
            ..Txn::default()
        });
    }

    /// Overwrites a key behind the next change.
    pub(crate) fn overwrite_after_change(&self, key: &str, value: &[u8]) {
        self.state().overwritten = Some((key.as_bytes().to_vec(), value.to_vec()));
    }

    /// Removes a key, as another program would.
    pub(crate) fn remove(&self, key: &str) {
        self.state().happen(Behind::Delete(key.to_owned()));
    }

    /// The engine forgets all revisions but the newest.
    pub(crate) fn compact(&self) {
        self.state().happen(Behind::Compact);
    }

    pub(crate) fn value(&self, key: &str) -> Option<String> {
        let state = self.state();
        let version = state.current(key.as_bytes())?;
        let value = version.value.as_deref()?;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}
