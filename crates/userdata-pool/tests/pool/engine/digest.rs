//! What is compared of two clusters.

use userdata_pool::Request;

use super::SimEngine;

impl SimEngine {
    /// All that matters for what can happen next: the records without the numbers of changes and
    /// times, and what each change on its way would do, and whether it still could.
    pub(crate) fn digest(&self) -> String {
        let state = self.state();
        let mut text = Vec::new();
        let current = |key: &[u8]| state.current(key).map_or(0, |version| version.revision);
        let is_meta = |key: &[u8]| key.starts_with(b"/userdata/1/meta/");
        for key in state.keys.keys().filter(|key| !is_meta(key)) {
            if let Some(version) = state.current(key) {
                let value = version.value.as_deref().unwrap_or_default();
                text.extend([key, &b"="[..], short(value), b";"].concat());
            }
        }
        text.extend(state.full.then_some(b'F'));
        for txn in &state.delayed {
            for compare in &txn.compares {
                text.extend(&compare.key);
                // One with an absent key may hold again after a removal.
                text.push(match (current(&compare.key), compare.revision) {
                    (now, then) if now == then => b'=',
                    (_, 0) => b'0',
                    _ => b'!',
                });
            }
            for request in &txn.requests {
                let (key, value) = match request {
                    Request::Put { key, value, .. } => (key, short(value)),
                    Request::Delete { span } => (&span.from, &b"-"[..]),
                    Request::Range { .. } => continue,
                };
                if !is_meta(key) {
                    text.extend([key, &b":"[..], value, b";"].concat());
                }
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// A record without the numbers of changes.
fn short(value: &[u8]) -> &[u8] {
    const NUMBERS: &[u8] = b" numbers=";
    let mut parts = value.windows(NUMBERS.len());
    let end = parts.position(|part| part == NUMBERS);
    &value[..end.unwrap_or(value.len())]
}
