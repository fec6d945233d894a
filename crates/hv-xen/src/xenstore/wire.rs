//! The wire protocol as bytes: messages of a 16-byte header and at most 4096 bytes.
//!
//! ```text
//! 0  u32 kind      4  u32 request id      8  u32 transaction id      12  u32 length of the rest
//! ```
//!
//! All little-endian, as both ends are on one machine. Pure code: no input causes a panic, and a
//! decoder holds no more than the bytes that were pushed and not yet decoded.
//!
//! This module is public for fuzzing only. It is not part of the crate's stable interface, except for
//! the types that `xenstore` re-exports.

use std::collections::VecDeque;

/// Length of a message's header in bytes.
pub const HEADER: usize = 16;

/// Most bytes that may follow the header, `XENSTORE_PAYLOAD_MAX`.
pub const PAYLOAD_MAX: usize = 4096;

/// The kind of a message: `enum xsd_sockmsg_type`, as far as this client uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageKind {
    /// `XS_DIRECTORY`: the names of a node's children.
    Directory,
    /// `XS_READ`: a node's value.
    Read,
    /// `XS_WATCH`: events when something at or below a path changes.
    Watch,
    /// `XS_UNWATCH`: the end of a watch.
    Unwatch,
    /// `XS_WATCH_EVENT`: an event of a watch; it answers no request.
    WatchEvent,
    /// `XS_ERROR`: the answer to a request that failed.
    Error,
    /// Any other kind.
    Other(u32),
}

impl MessageKind {
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

/// A message from xenstored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The kind of the message.
    pub kind: MessageKind,
    /// The id of the request that it answers; meaningless in an event.
    pub request: u32,
    /// The bytes after the header.
    pub payload: Vec<u8>,
}

/// Bytes that are not of xenstore's protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// A message is longer than the protocol permits.
    #[error("a message of {length} bytes, more than the {PAYLOAD_MAX} that are permitted")]
    TooLong {
        /// The length in its header.
        length: u32,
    },
    /// A text lacks its final NUL, or the message has too few or too many texts.
    #[error("a {what} without its NUL-terminated texts")]
    Unterminated {
        /// The kind of the message, in words.
        what: &'static str,
    },
    /// The answer names another request than the pending one.
    #[error("an answer to request {got} instead of {expected}")]
    WrongRequest {
        /// The id of the pending request, 0 if there is none.
        expected: u32,
        /// The id in the answer.
        got: u32,
    },
    /// The answer is of another kind than the request.
    #[error("an answer of kind {got:?} to a request of kind {expected:?}")]
    WrongKind {
        /// The request's kind.
        expected: MessageKind,
        /// The answer's kind.
        got: MessageKind,
    },
    /// xenstored sent more different events than the client keeps.
    #[error("more than {limit} different events")]
    TooManyEvents {
        /// The number of events that the client keeps.
        limit: usize,
    },
}

/// Something at or below a watched path may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The path that changed.
    pub path: Vec<u8>,
    /// The token that the path was watched with.
    pub token: Vec<u8>,
}

/// The bytes of a request, with a NUL after each of its texts; `None` if the texts are too long
/// together, or if one contains a NUL.
///
/// ```
/// use hv_xen::xenstore::{MessageKind, wire};
///
/// let request = wire::request(MessageKind::Read, 1, &["/a"]).unwrap();
/// assert_eq!(request[..], *b"\x02\0\0\0\x01\0\0\0\0\0\0\0\x03\0\0\0/a\0");
/// ```
#[must_use]
pub fn request(kind: MessageKind, request: u32, texts: &[&str]) -> Option<Vec<u8>> {
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

/// Puts messages together from pieces of any size.
///
/// ```
/// use hv_xen::xenstore::{MessageKind, wire};
///
/// let mut decoder = wire::Decoder::default();
/// decoder.push(b"\x02\0\0\0\x01\0\0\0\0\0\0\0\x03\0\0\0we");
/// assert_eq!(decoder.message()?, None);
/// decoder.push(b"b");
/// let message = decoder.message()?.unwrap();
/// assert_eq!((message.kind, message.request), (MessageKind::Read, 1));
/// assert_eq!(message.payload, b"web");
/// # Ok::<(), hv_xen::xenstore::Malformed>(())
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: VecDeque<u8>,
}

impl Decoder {
    /// Adds received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// Takes the next message, or returns `None` until it is complete.
    ///
    /// # Errors
    ///
    /// [`Malformed::TooLong`]. Where the next message starts is unknown then, so every later call
    /// fails too.
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
            kind: MessageKind::decode(u32::from_le_bytes(*kind)),
            request: u32::from_le_bytes(*request),
            payload,
        }))
    }
}

/// The path and token of a [`MessageKind::WatchEvent`].
///
/// ```
/// use hv_xen::xenstore::wire;
///
/// let event = wire::event(b"@releaseDomain\0token\0")?;
/// assert_eq!((&event.path[..], &event.token[..]), (&b"@releaseDomain"[..], &b"token"[..]));
/// # Ok::<(), hv_xen::xenstore::Malformed>(())
/// ```
///
/// # Errors
///
/// [`Malformed::Unterminated`] unless there are two texts, each with its final NUL.
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

/// The names in the answer to a [`MessageKind::Directory`].
///
/// ```
/// use hv_xen::xenstore::wire;
///
/// assert_eq!(wire::names(b"0\07\0")?, [b"0", b"7"]);
/// assert!(wire::names(b"0\07").is_err());
/// # Ok::<(), hv_xen::xenstore::Malformed>(())
/// ```
///
/// # Errors
///
/// [`Malformed::Unterminated`] unless each name has its final NUL.
pub fn names(payload: &[u8]) -> Result<Vec<Vec<u8>>, Malformed> {
    Ok(texts(payload, "directory")?
        .into_iter()
        .map(<[u8]>::to_vec)
        .collect())
}

/// The name of the error in a [`MessageKind::Error`], such as `ENOENT`.
///
/// ```
/// use hv_xen::xenstore::wire;
///
/// assert_eq!(wire::error_name(b"ENOENT\0")?, "ENOENT");
/// # Ok::<(), hv_xen::xenstore::Malformed>(())
/// ```
///
/// # Errors
///
/// [`Malformed::Unterminated`] unless it is one word of capitals and digits with its final NUL.
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

/// The texts, each with its final NUL.
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
        let bytes = request(MessageKind::Watch, 0x0102_0304, &["@releaseDomain", "t"]).unwrap();
        let expected = b"\x04\0\0\0\x04\x03\x02\x01\0\0\0\0\x11\0\0\0@releaseDomain\0t\0";
        assert_eq!(bytes, expected);
        assert_eq!(
            request(MessageKind::Read, 1, &[&"a".repeat(4095)])
                .unwrap()
                .len(),
            16 + 4096
        );
        assert_eq!(request(MessageKind::Read, 1, &[&"a".repeat(4096)]), None);
        assert_eq!(request(MessageKind::Read, 1, &["a\0"]), None);
    }

    proptest! {
        #[test]
        fn messages_do_not_depend_on_the_pieces_they_arrive_in(
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
