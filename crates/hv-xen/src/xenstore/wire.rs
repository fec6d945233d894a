//! The wire protocol as bytes: messages of a 16-byte header and at most 4096 bytes.
//!
//! ```text
//! 0  u32 kind      4  u32 request id      8  u32 transaction id      12  u32 length of the rest
//! ```
//!
//! All little-endian, as both ends are on one machine. Pure code: no input panics, and a decoder
//! holds no more than one message and what was pushed behind it.

use std::collections::VecDeque;

/// Length of a message's header in bytes.
pub const HEADER: usize = 16;

/// Most bytes that may follow the header, `XENSTORE_PAYLOAD_MAX`.
pub const PAYLOAD_MAX: usize = 4096;

/// What a message is: `enum xsd_sockmsg_type`, as far as it is spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `XS_DIRECTORY`: the names of a node's children.
    Directory,
    /// `XS_READ`: a node's value.
    Read,
    /// `XS_WATCH`: events when something at or below a path changes.
    Watch,
    /// `XS_UNWATCH`: no more of them.
    Unwatch,
    /// `XS_WATCH_EVENT`: such an event; comes unasked.
    WatchEvent,
    /// `XS_ERROR`: the answer to a request that failed.
    Error,
    /// Any other.
    Other(u32),
}

impl Kind {
    const fn decode(number: u32) -> Self {
        match number {
            1 => Self::Directory,
            2 => Self::Read,
            4 => Self::Watch,
            5 => Self::Unwatch,
            15 => Self::WatchEvent,
            16 => Self::Error,
            other => Self::Other(other),
        }
    }

    const fn number(self) -> u32 {
        match self {
            Self::Directory => 1,
            Self::Read => 2,
            Self::Watch => 4,
            Self::Unwatch => 5,
            Self::WatchEvent => 15,
            Self::Error => 16,
            Self::Other(other) => other,
        }
    }
}

/// A message that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// Which request it answers; means nothing in an event.
    pub request: u32,
    /// What follows the header.
    pub payload: Vec<u8>,
}

/// Why bytes are not of the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// A message longer than the protocol permits.
    #[error("a message of {length} bytes, of {PAYLOAD_MAX} permitted")]
    TooLong {
        /// The length that its header claims.
        length: u32,
    },
    /// Text without its final NUL, or with less or more text than there must be.
    #[error("a {what} without its NUL-terminated texts")]
    Unterminated {
        /// What should have had the text.
        what: &'static str,
    },
    /// An answer to another request than the one that is open.
    #[error("an answer to request {got} instead of {expected}")]
    WrongRequest {
        /// The open request.
        expected: u32,
        /// What the answer names.
        got: u32,
    },
    /// An answer of another kind than the request.
    #[error("an answer of kind {got:?} to a request of kind {expected:?}")]
    WrongKind {
        /// The request's kind.
        expected: Kind,
        /// The answer's.
        got: Kind,
    },
    /// More different events than are kept.
    #[error("more than {limit} events in a row")]
    TooManyEvents {
        /// How many are kept.
        limit: usize,
    },
}

/// Something at or below a watched path may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// What changed.
    pub path: Vec<u8>,
    /// The token that the path was watched with.
    pub token: Vec<u8>,
}

/// The bytes of a request, its texts each followed by NUL; `None` if they are too long together or
/// contain a NUL themselves.
#[must_use]
pub fn request(kind: Kind, request: u32, texts: &[&str]) -> Option<Vec<u8>> {
    let mut payload = Vec::new();
    for text in texts {
        if text.bytes().any(|byte| byte == 0) {
            return None;
        }
        payload.extend_from_slice(text.as_bytes());
        payload.push(0);
    }
    if payload.len() > PAYLOAD_MAX {
        return None;
    }
    let length = u32::try_from(payload.len()).ok()?;
    let header = [kind.number(), request, 0, length].map(u32::to_le_bytes);
    Some([header.concat(), payload].concat())
}

/// Puts messages together from whatever pieces they arrive in.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: VecDeque<u8>,
}

impl Decoder {
    /// Adds bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The next message, once it is there as a whole.
    ///
    /// # Errors
    ///
    /// [`Malformed::TooLong`]; what follows can't be told apart any more.
    pub fn message(&mut self) -> Result<Option<Message>, Malformed> {
        let head: Vec<u8> = self.bytes.iter().copied().take(HEADER).collect();
        let ([kind, request, _transaction, length], []) = head.as_chunks::<4>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length);
        let whole = usize::try_from(length).map_or(usize::MAX, |l| l.saturating_add(HEADER));
        if whole > HEADER + PAYLOAD_MAX {
            return Err(Malformed::TooLong { length });
        }
        if self.bytes.len() < whole {
            return Ok(None);
        }
        let payload = self.bytes.drain(..whole).skip(HEADER).collect();
        Ok(Some(Message {
            kind: Kind::decode(u32::from_le_bytes(*kind)),
            request: u32::from_le_bytes(*request),
            payload,
        }))
    }
}

/// The path and token of a [`Kind::WatchEvent`].
///
/// # Errors
///
/// [`Malformed::Unterminated`] unless there are two texts, each ended by NUL.
pub fn event(payload: &[u8]) -> Result<Event, Malformed> {
    let texts = texts(payload, "watch event")?;
    match texts.as_slice() {
        [path, token, ..] => Ok(Event {
            path: path.to_vec(),
            token: token.to_vec(),
        }),
        _ => Err(Malformed::Unterminated {
            what: "watch event",
        }),
    }
}

/// The names in the answer to a [`Kind::Directory`].
///
/// # Errors
///
/// [`Malformed::Unterminated`] unless each is ended by NUL.
pub fn names(payload: &[u8]) -> Result<Vec<Vec<u8>>, Malformed> {
    Ok(texts(payload, "directory")?
        .into_iter()
        .map(<[u8]>::to_vec)
        .collect())
}

/// The name in a [`Kind::Error`], such as `ENOENT`.
///
/// # Errors
///
/// [`Malformed::Unterminated`] unless it is one word of capitals and digits, ended by NUL.
pub fn error_name(payload: &[u8]) -> Result<&str, Malformed> {
    let word = |name: &&str| {
        let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        (1..=32).contains(&name.len()) && name.bytes().all(allowed)
    };
    payload
        .strip_suffix(&[0])
        .and_then(|name| str::from_utf8(name).ok())
        .filter(word)
        .ok_or(Malformed::Unterminated { what: "refusal" })
}

/// Texts, each ended by NUL.
fn texts<'a>(payload: &'a [u8], what: &'static str) -> Result<Vec<&'a [u8]>, Malformed> {
    match payload.split_last() {
        None => Ok(Vec::new()),
        Some((0, texts)) => Ok(texts.split(|byte| *byte == 0).collect()),
        Some(_) => Err(Malformed::Unterminated { what }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_laid_out_as_documented() {
        let bytes = request(Kind::Watch, 0x0102_0304, &["@releaseDomain", "t"]).unwrap();
        let expected = b"\x04\0\0\0\x04\x03\x02\x01\0\0\0\0\x11\0\0\0@releaseDomain\0t\0";
        assert_eq!(bytes, expected);
        assert_eq!(
            request(Kind::Read, 1, &[&"a".repeat(4095)]).unwrap().len(),
            16 + 4096
        );
        assert_eq!(request(Kind::Read, 1, &[&"a".repeat(4096)]), None);
        assert_eq!(request(Kind::Read, 1, &["a\0"]), None);
    }

    proptest! {
        #[test]
        fn messages_are_the_same_in_whatever_pieces_they_arrive(
            messages in proptest::collection::vec(
                (0_u32..20, any::<u32>(), proptest::collection::vec(any::<u8>(), 0..80)),
                0..6,
            ),
            piece in 1_usize..100,
        ) {
            let mut bytes = Vec::new();
            for (kind, request, payload) in &messages {
                let length = u32::try_from(payload.len()).unwrap();
                for word in [*kind, *request, 0, length] {
                    bytes.extend(word.to_le_bytes());
                }
                bytes.extend(payload);
            }
            let mut decoder = Decoder::default();
            let mut decoded = Vec::new();
            for piece in bytes.chunks(piece) {
                decoder.push(piece);
                while let Some(message) = decoder.message().unwrap() {
                    decoded.push((message.kind.number(), message.request, message.payload));
                }
            }
            prop_assert_eq!(decoded, messages);
        }

        #[test]
        fn any_bytes_decode_or_are_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let _ = event(&bytes).map(|e| assert!(e.path.len() + e.token.len() < bytes.len()));
            let _ = names(&bytes).map(|n| assert!(n.len() <= bytes.len()));
            let _ = error_name(&bytes).map(|name| assert!(name.len() < bytes.len()));
            let mut decoder = Decoder::default();
            decoder.push(&bytes);
            for _ in 0..=bytes.len() / HEADER {
                match decoder.message() {
                    Ok(Some(message)) => prop_assert!(message.payload.len() <= PAYLOAD_MAX),
                    Ok(None) | Err(_) => break,
                }
            }
        }
    }
}
