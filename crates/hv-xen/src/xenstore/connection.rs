//! `Xenstore`: a connection, and the requests on it.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use super::endpoint::Stream;
use super::limit::Limit;
use super::wire::{self, Decoder, Event, HEADER, Malformed, Message, MessageKind, PAYLOAD_MAX};
use super::{Endpoint, XenstoreError, XenstoreErrorKind};

/// How many different events are kept until the caller asks for them.
const EVENTS_MAX: usize = 1024;

/// A connection to xenstored. Replaces `xs_open` and the `xs_` functions that its methods name.
///
/// After a fork only one of the two processes may use the connection, because each would receive
/// answers that belong to the other.
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
    /// `xs_open`: connects to the first of these endpoints that answers. Connecting, and then each
    /// request, takes no longer than `timeout`. A timeout of zero is taken as one millisecond.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](XenstoreErrorKind::Unavailable) if no endpoint exists or no process listens
    /// there; [`NotPermitted`](XenstoreErrorKind::NotPermitted) if this user may not connect;
    /// [`DeadlinePassed`](XenstoreErrorKind::DeadlinePassed) if xenstored accepts no connection.
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

    /// `xs_read`: the value of a node, which may be any bytes; `None` if the node does not exist.
    ///
    /// ```no_run
    /// # use hv_xen::xenstore::{Xenstore, XenstoreError};
    /// # fn example(mut xenstore: Xenstore) -> Result<(), XenstoreError> {
    /// let name = xenstore.read("/local/domain/0/name")?;
    /// assert_eq!(name.as_deref(), Some(&b"Domain-0"[..]));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refused`](XenstoreErrorKind::Refused),
    /// [`DeadlinePassed`](XenstoreErrorKind::DeadlinePassed),
    /// [`Closed`](XenstoreErrorKind::Closed), [`Malformed`](XenstoreErrorKind::Malformed),
    /// [`InvalidPath`](XenstoreErrorKind::InvalidPath) or [`Failed`](XenstoreErrorKind::Failed).
    /// The connection stays usable after `Refused` and `InvalidPath` only.
    pub fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, XenstoreError> {
        match self.ask(MessageKind::Read, &[path]) {
            Ok(value) => Ok(Some(value)),
            Err(XenstoreErrorKind::Refused(name)) if &*name == "ENOENT" => Ok(None),
            Err(kind) => Err(XenstoreError::new("read", path, kind)),
        }
    }

    /// `xs_directory`: the names of a node's children; `None` if the node does not exist.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read). xenstored refuses a directory of more than 4096 bytes with
    /// `E2BIG`.
    pub fn directory(&mut self, path: &str) -> Result<Option<Vec<Vec<u8>>>, XenstoreError> {
        let error = |kind| XenstoreError::new("list", path, kind);
        match self.ask(MessageKind::Directory, &[path]) {
            Ok(names) => match wire::names(&names) {
                Ok(names) => Ok(Some(names)),
                Err(malformed) => Err(error(XenstoreErrorKind::Malformed(malformed))),
            },
            Err(XenstoreErrorKind::Refused(name)) if &*name == "ENOENT" => Ok(None),
            Err(kind) => Err(error(kind)),
        }
    }

    /// `xs_watch`: asks for an [`event`](Self::event) at once, and whenever a node at or below the
    /// path may have changed. `@releaseDomain` stands for the end of any domain.
    ///
    /// **A wait without a deadline:** on an [`Endpoint::Device`] the kernel itself waits for
    /// xenstored while it registers the watch, and no deadline ends this wait.
    ///
    /// ```no_run
    /// # use hv_xen::xenstore::{Xenstore, XenstoreError};
    /// # fn example(mut xenstore: Xenstore) -> Result<(), XenstoreError> {
    /// use std::time::Duration;
    ///
    /// xenstore.watch("/local/domain/7/name", "name")?;
    /// while let Some(event) = xenstore.event(Duration::from_secs(60))? {
    ///     println!("{} may have changed", String::from_utf8_lossy(&event.path));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    pub fn watch(&mut self, path: &str, token: &str) -> Result<(), XenstoreError> {
        let asked = self.ask(MessageKind::Watch, &[path, token]);
        asked
            .map(drop)
            .map_err(|kind| XenstoreError::new("watch", path, kind))
    }

    /// `xs_unwatch`: ends a watch. Events that xenstored has already sent may still come.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    pub fn unwatch(&mut self, path: &str, token: &str) -> Result<(), XenstoreError> {
        let asked = self.ask(MessageKind::Unwatch, &[path, token]);
        asked
            .map(drop)
            .map_err(|kind| XenstoreError::new("stop watching", path, kind))
    }

    /// `xs_read_watch`: waits for an event, at most for `timeout`; `None` if none came. Equal
    /// events between two calls count as one.
    ///
    /// # Errors
    ///
    /// [`Closed`](XenstoreErrorKind::Closed), [`Malformed`](XenstoreErrorKind::Malformed) or
    /// [`Failed`](XenstoreErrorKind::Failed). The connection is not usable afterwards.
    pub fn event(&mut self, timeout: Duration) -> Result<Option<Event>, XenstoreError> {
        let limit = Limit::within(timeout);
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            match self.incoming(limit) {
                // No request is pending, so every answer is wrong.
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
    fn ask(&mut self, kind: MessageKind, texts: &[&str]) -> Result<Vec<u8>, XenstoreErrorKind> {
        if self.closed {
            return Err(XenstoreErrorKind::Closed);
        }
        let id = self.last_request.wrapping_add(1).max(1);
        let request = wire::request(kind, id, texts).ok_or(XenstoreErrorKind::InvalidPath)?;
        self.last_request = id;
        let answer = self.answer(kind, id, &request);
        // A refusal is a complete answer. After any other failure it is unknown where the next
        // message begins.
        self.closed = !matches!(answer, Ok(_) | Err(XenstoreErrorKind::Refused(_)));
        answer
    }

    fn answer(
        &mut self,
        kind: MessageKind,
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
            MessageKind::Error => match wire::error_name(&answer.payload) {
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

    /// Before Linux 4.11 the device itself answers watch requests, with request id 0.
    fn answers_for_itself(&self, kind: MessageKind, answer: &Message) -> bool {
        let watches = matches!(kind, MessageKind::Watch | MessageKind::Unwatch);
        matches!(self.stream, Stream::Device(_)) && watches && answer.request == 0
    }

    /// Takes the next message, and waits for bytes if there is none. It keeps an event, and returns
    /// an answer.
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
        if message.kind != MessageKind::WatchEvent {
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

/// The descriptor is readable when bytes have arrived. Call [`event`](Xenstore::event) with a
/// timeout of zero then, until it returns `None`.
impl AsFd for Xenstore {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
