//! `Xenstore`: one connection, and the requests on it.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use super::endpoint::Stream;
use super::limit::Limit;
use super::wire::{self, Decoder, Event, HEADER, Kind, Malformed, Message, PAYLOAD_MAX};
use super::{Endpoint, XenstoreError, XenstoreErrorKind};

/// How many different events are kept while nobody asks for them.
const EVENTS_MAX: usize = 1024;

/// A connection to xenstored. Replaces `xs_open` and the few `xs_` calls named below.
///
/// Not to be used on both sides of a fork: each side would take the other's answers.
#[derive(Debug)]
pub struct Xenstore {
    stream: Stream,
    timeout: Duration,
    decoder: Decoder,
    events: VecDeque<Event>,
    last_request: u32,
    closed: bool,
}

impl Xenstore {
    /// `xs_open`: connects to the first of these endpoints that is there. Each request, this one
    /// included, may take as long as `timeout`.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](XenstoreErrorKind::Unavailable) where none is there, or nobody listens;
    /// [`NotPermitted`](XenstoreErrorKind::NotPermitted).
    pub fn open(endpoints: &[Endpoint], timeout: Duration) -> Result<Self, XenstoreError> {
        Stream::open(endpoints, Limit::within(timeout)).map(|stream| Self::over(stream, timeout))
    }

    pub(super) fn over(stream: Stream, timeout: Duration) -> Self {
        Self {
            stream,
            timeout,
            decoder: Decoder::default(),
            events: VecDeque::new(),
            last_request: 0,
            closed: false,
        }
    }

    /// `xs_read`: a node's value, any bytes; `None` where there is no such node.
    ///
    /// # Errors
    ///
    /// As every request: refused, no answer in time, connection closed or answer malformed.
    pub fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, XenstoreError> {
        match self.ask(Kind::Read, &[path]) {
            Ok(value) => Ok(Some(value)),
            Err(XenstoreErrorKind::Refused(name)) if &*name == "ENOENT" => Ok(None),
            Err(kind) => Err(XenstoreError::new("read", path, kind)),
        }
    }

    /// `xs_directory`: the names of a node's children; `None` where there is no such node.
    ///
    /// # Errors
    ///
    /// As every request. A directory of more than 4096 bytes is refused with `E2BIG`.
    pub fn directory(&mut self, path: &str) -> Result<Option<Vec<Vec<u8>>>, XenstoreError> {
        let error = |kind| XenstoreError::new("list", path, kind);
        match self.ask(Kind::Directory, &[path]) {
            Ok(names) => match wire::names(&names) {
                Ok(names) => Ok(Some(names)),
                Err(malformed) => Err(error(XenstoreErrorKind::Malformed(malformed))),
            },
            Err(XenstoreErrorKind::Refused(name)) if &*name == "ENOENT" => Ok(None),
            Err(kind) => Err(error(kind)),
        }
    }

    /// `xs_watch`: asks for an [`event`](Self::event) at once, and whenever something at or below
    /// the path may have changed. `@releaseDomain` stands for the end of any domain.
    ///
    /// On the kernel's device the kernel itself waits for xenstored while it registers a watch, and
    /// no deadline reaches it there.
    ///
    /// # Errors
    ///
    /// As every request.
    pub fn watch(&mut self, path: &str, token: &str) -> Result<(), XenstoreError> {
        let asked = self.ask(Kind::Watch, &[path, token]);
        asked
            .map(drop)
            .map_err(|kind| XenstoreError::new("watch", path, kind))
    }

    /// `xs_unwatch`: asks for no more of these events. Some may still be on their way.
    ///
    /// # Errors
    ///
    /// As every request.
    pub fn unwatch(&mut self, path: &str, token: &str) -> Result<(), XenstoreError> {
        let asked = self.ask(Kind::Unwatch, &[path, token]);
        asked
            .map(drop)
            .map_err(|kind| XenstoreError::new("stop watching", path, kind))
    }

    /// `xs_read_watch`: waits for an event, at most this long; `None` if none came. Equal events
    /// that nobody asked for in between are one.
    ///
    /// # Errors
    ///
    /// Where xenstored closed the connection, or sent what is not of the protocol.
    pub fn event(&mut self, timeout: Duration) -> Result<Option<Event>, XenstoreError> {
        let limit = Limit::within(timeout);
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            match self.incoming(limit) {
                // With no request open every answer is a wrong one.
                Ok(Some(stray)) => {
                    let kind = Malformed::WrongRequest {
                        expected: 0,
                        got: stray.request,
                    };
                    return Err(self.useless(XenstoreErrorKind::Malformed(kind)));
                }
                Ok(None) => {}
                Err(XenstoreErrorKind::DeadlinePassed { .. }) => return Ok(None),
                Err(kind) => return Err(self.useless(kind)),
            }
        }
    }

    fn useless(&mut self, kind: XenstoreErrorKind) -> XenstoreError {
        self.closed = true;
        XenstoreError::new("wait for", "an event", kind)
    }

    /// One request and its answer.
    fn ask(&mut self, kind: Kind, texts: &[&str]) -> Result<Vec<u8>, XenstoreErrorKind> {
        if self.closed {
            return Err(XenstoreErrorKind::Closed);
        }
        let id = self.last_request.wrapping_add(1).max(1);
        let request = wire::request(kind, id, texts).ok_or(XenstoreErrorKind::InvalidPath)?;
        self.last_request = id;
        let answer = self.answer(kind, id, &request);
        // A refusal is an answer as good as any; after all else the next bytes mean anything.
        self.closed = !matches!(answer, Ok(_) | Err(XenstoreErrorKind::Refused(_)));
        answer
    }

    fn answer(
        &mut self,
        kind: Kind,
        id: u32,
        request: &[u8],
    ) -> Result<Vec<u8>, XenstoreErrorKind> {
        let limit = Limit::within(self.timeout);
        self.stream.send(request, limit)?;
        let answer = loop {
            if let Some(answer) = self.incoming(limit)? {
                break answer;
            }
        };
        let malformed = |malformed| Err(XenstoreErrorKind::Malformed(malformed));
        if answer.request != id && !self.answers_for_itself(kind, &answer) {
            return malformed(Malformed::WrongRequest {
                expected: id,
                got: answer.request,
            });
        }
        match answer.kind {
            Kind::Error => match wire::error_name(&answer.payload) {
                Ok(name) => Err(XenstoreErrorKind::Refused(name.into())),
                Err(what) => malformed(what),
            },
            got if got != kind => malformed(Malformed::WrongKind {
                expected: kind,
                got,
            }),
            _ => Ok(answer.payload),
        }
    }

    /// Before Linux 4.11 the device itself answers requests to watch, and with request id 0.
    fn answers_for_itself(&self, kind: Kind, answer: &Message) -> bool {
        let watches = matches!(kind, Kind::Watch | Kind::Unwatch);
        matches!(self.stream, Stream::Device(_)) && watches && answer.request == 0
    }

    /// Waits for some bytes. An event among them is kept; an answer is returned.
    fn incoming(&mut self, limit: Limit) -> Result<Option<Message>, XenstoreErrorKind> {
        if self.closed {
            return Err(XenstoreErrorKind::Closed);
        }
        let message = match self
            .decoder
            .message()
            .map_err(XenstoreErrorKind::Malformed)?
        {
            Some(message) => message,
            None => {
                let mut bytes = [0; HEADER + PAYLOAD_MAX];
                let count = self.stream.receive(&mut bytes, limit)?;
                self.decoder.push(bytes.get(..count).unwrap_or_default());
                return Ok(None);
            }
        };
        if message.kind != Kind::WatchEvent {
            return Ok(Some(message));
        }
        let event = wire::event(&message.payload).map_err(XenstoreErrorKind::Malformed)?;
        if self.events.contains(&event) {
            return Ok(None);
        }
        if self.events.len() == EVENTS_MAX {
            let limit = EVENTS_MAX;
            return Err(XenstoreErrorKind::Malformed(Malformed::TooManyEvents {
                limit,
            }));
        }
        self.events.push_back(event);
        Ok(None)
    }
}

/// Readable when something came in; [`event`](Xenstore::event) then tells whether it is an event.
impl AsFd for Xenstore {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
