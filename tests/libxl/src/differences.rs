//! Every deliberate difference between a call of libxl and one of this library.
//!
//! One that says that a call is refused comes behind those that say what it does, and behind those
//! that are checked later: the last word counts.

use userdata_core::UseridError;
use userdata_fs::{FileStore, OsDirectory};

use crate::answer::Answer;
use crate::difference::{Difference, Seen};
use crate::setting::{LOCK, Setting, Stage};
use crate::step::{By, Call};
use crate::tree::Node;

/// The largest value, in bytes.
const VALUE_MAX: usize = FileStore::<OsDirectory>::VALUE_MAX as usize;

/// The longest name that a file system takes, in bytes.
const NAME_MAX: usize = 255;

/// All of them.
pub(crate) const ALL: &[Difference] = &[
    Difference {
        name: "one temporary name",
        libxl: "Every writer of a value uses the same temporary file: what stands under its name \
                is written into, its mode kept, a link followed, and a directory there makes \
                every store fail.",
        here: "Each temporary file has a random name of its own, is created exclusively and 0600; \
               what stands under libxl's temporary name is left alone until the domain goes.",
        because: "Two writers never share a file, and nobody can plant one (G2, G7).",
        amend: temporary_of_its_own,
    },
    Difference {
        name: "temporary left behind",
        libxl: "A store that fails after the temporary file was written leaves it behind.",
        here: "A store that fails removes its temporary file.",
        because: "A failure leaves the old value and nothing else (G6).",
        amend: temporary_removed,
    },
    Difference {
        name: "nothing to remove",
        libxl: "To remove what is not there is code 2 (a bare ENOENT) by a store of no bytes, and \
                ERROR_FAIL by unlink.",
        here: "To remove what is not there succeeds and says that there was nothing to remove.",
        because: "Whoever removes wants it gone, and can be told apart from a failure (G6).",
        amend: nothing_to_remove,
    },
    Difference {
        name: "positive code",
        libxl: "A store of no bytes that cannot remove the value returns the bare errno, a \
                positive number.",
        here: "A failure is a typed error.",
        because: "Callers look for negative codes and take a positive one for success (G6).",
        amend: positive_code,
    },
    Difference {
        name: "reading takes the lock",
        libxl: "A retrieve takes the lock: it creates and removes a file, waits for writers, and \
                fails where the lock cannot be taken.",
        here: "A retrieve takes no lock, creates and removes nothing.",
        because: "Reading needs no right to write and never waits (G11).",
        amend: reading_without_lock,
    },
    Difference {
        name: "pipe",
        libxl: "A named pipe under the name of a value makes a retrieve wait for ever, with the \
                lock held.",
        here: "A retrieve says at once that a named pipe stands there.",
        because: "Nothing that stands under our names is waited for (G7, G9).",
        amend: pipe_not_waited_for,
    },
    Difference {
        name: "link",
        libxl: "A symbolic link under the name of a value is followed when it is read; one that \
                leads nowhere reads as no value.",
        here: "A retrieve says that a symbolic link stands there.",
        because: "Links are never followed, and no failure reads as no value (G6, G7).",
        amend: link_not_followed,
    },
    Difference {
        name: "size limit",
        libxl: "A value may have any size up to 2 GiB.",
        here: "A value over a limit, 1 MiB unless set otherwise, is neither stored nor read.",
        because: "Every read has a limit, whoever wrote what is read (G9).",
        amend: size_limit,
    },
    Difference {
        name: "lock's word",
        libxl: "A destroy passes over every file whose name contains domain-userdata-lock, so that \
                data under such a userid is never removed.",
        here: "A destroy removes every file of the domain.",
        because: "No data outlives its domain (G4).",
        amend: lock_word_is_removed,
    },
    Difference {
        name: "kind that is no letter",
        libxl: "A destroy removes files of any kind of one character.",
        here: "A kind is one ASCII letter; a name with another character in its place is not ours.",
        because: "Names that are not ours are never touched (G7).",
        amend: no_letter_is_not_ours,
    },
    Difference {
        name: "link to a directory",
        libxl: "A destroy leaves a symbolic link that leads to a directory.",
        here: "A destroy removes the link.",
        because: "It is a name of the domain like any other, and is not followed (G4, G7).",
        amend: link_to_directory_is_removed,
    },
    Difference {
        name: "device model's state",
        libxl: "A destroy also removes qemu-save.DOMID and qemu-resume.DOMID from the directory.",
        here: "They are left to the toolstack.",
        because: "They are no userdata, and names that are not ours are never touched (G7).",
        amend: qemu_files_are_not_ours,
    },
    Difference {
        name: "destroy that tells",
        libxl: "What a destroy could not remove is logged; the call succeeds.",
        here: "What could not be removed, or not be used as our closing marker, is in the result.",
        because: "Whoever destroys a domain can act on what is left (G6).",
        amend: destroy_tells,
    },
    Difference {
        name: "leaving domain",
        libxl: "A value is stored although the toolstack has begun to take the domain apart; if \
                its userdata is deleted already, the value stays for ever.",
        here: "The store is refused: the domain is being destroyed.",
        because: "No store leaves data of a domain that goes (G4).",
        amend: leaving_is_refused,
    },
    Difference {
        name: "lock that is no file",
        libxl: "Whatever can be opened serves as the lock, a named pipe too, and is removed \
                afterwards.",
        here: "A lock that is no regular file is an error, and is left where it is.",
        because: "Nothing under our names is taken for what it is not (G7).",
        amend: lock_must_be_a_file,
    },
    Difference {
        name: "destroy needs the lock",
        libxl: "A domain whose lock cannot be taken cannot be destroyed at all.",
        here: "The domain is destroyed; that its data could not be removed is in the result, and a \
               sweep collects it.",
        because: "Trouble with storage never stops a toolstack from destroying a domain.",
        amend: destroy_without_lock,
    },
    Difference {
        name: "no such domain",
        libxl: "A call on a domain that does not exist returns ERROR_LOCK_FAIL.",
        here: "It says that there is no such domain.",
        because: "Each failure is told apart from the others (G6).",
        amend: no_such_domain,
    },
    Difference {
        name: "dead domain",
        libxl: "A domain that is dead, but to which something still refers, is like any other.",
        here: "It is no more, and whatever is left of its data is for a sweep.",
        because: "A dead domain never comes back, so data stored for it would leak (G4).",
        amend: dead_is_gone,
    },
    Difference {
        name: "userid of a lock",
        libxl: "A value may be stored under the name of a lock, or one that contains \
                domain-userdata-lock.",
        here: "Such a userid is refused when it is written, and removed or read when found.",
        because: "libxl would never collect the value (G4).",
        amend: lock_is_no_userid,
    },
    Difference {
        name: "libxl-json",
        libxl: "Anybody may store or remove libxl-json.",
        here: "It is written and removed only by a call of its own.",
        because: "Without it, or with a wrong one, xl cannot manage the domain.",
        amend: libxl_json_takes_consent,
    },
    Difference {
        name: "userid's characters",
        libxl: "A userid is not looked at: blanks, control characters, other bytes and the empty \
                one are stored.",
        here: "A userid is written in printable ASCII without blanks and is neither empty nor . \
               nor .. unless the caller asks for libxl's rules; all are read, listed and removed.",
        because: "libxl.h says that a userid is a short printable ASCII string.",
        amend: printable_userids,
    },
    Difference {
        name: "userid's length",
        libxl: "A userid may be as long as the file system lets it; what is longer fails.",
        here: "128 bytes are written, or what fits where the caller asks for libxl's rules; a \
               longer one is refused before the lock is taken.",
        because: "A userid that fits one domain would not fit another with a longer domid.",
        amend: short_userids,
    },
    Difference {
        name: "slash",
        libxl: "A userid with a slash is part of a path: it is not found when it is read, and \
                fails when it is written, unless somebody made the directory.",
        here: "A userid with a slash is refused by every call.",
        because: "No userid leads out of the directory (G3, G7).",
        amend: no_slash,
    },
    Difference {
        name: "negative length",
        libxl: "A store with a negative length succeeds and leaves an empty file, which no \
                retrieve can read.",
        here: "A length is never negative.",
        because: "Zero bytes remove a value; nothing stores an empty one (G5).",
        amend: no_negative_length,
    },
];

/// libxl can take the lock unless this is so.
fn lock_is_directory(setting: &Setting<'_>) -> bool {
    setting.lock() == Some(&Node::Directory)
}

fn temporary_of_its_own(setting: &Setting<'_>, seen: &mut Seen) {
    let (Some(data), Some(new)) = (setting.stored(), setting.new_file()) else {
        return;
    };
    if lock_is_directory(setting) {
        return;
    }
    seen.after.restore(&setting.new_name(), setting.before);
    if let Node::Link(target) = new {
        seen.after.restore(target, setting.before);
    }
    if setting.data() == Some(&Node::Directory) {
        seen.answer = Answer::Failed;
    } else {
        seen.answer = Answer::Done;
        seen.after.put(&setting.data_name(), Node::private(data));
    }
}

fn temporary_removed(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.stored().is_some() && setting.data() == Some(&Node::Directory) {
        seen.after.restore(&setting.new_name(), setting.before);
    }
}

fn nothing_to_remove(setting: &Setting<'_>, seen: &mut Seen) {
    let answers = [Answer::Code(2), Answer::Failed];
    if setting.is_removal() && setting.data().is_none() && answers.contains(&seen.answer) {
        seen.answer = Answer::NothingToRemove;
    }
}

fn positive_code(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.is_removal() && matches!(seen.answer, Answer::Code(1..)) {
        seen.answer = Answer::Failed;
    }
}

fn reading_without_lock(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.is_retrieve() && setting.domain.is_some() {
        seen.after.restore(&setting.lock_name(), setting.before);
        if seen.answer == Answer::LockFailed {
            seen.answer = match setting.data() {
                None => Answer::NoValue,
                Some(Node::File(_, bytes)) if !bytes.is_empty() => Answer::Value(bytes.clone()),
                _ => Answer::Failed,
            };
        }
    }
}

fn pipe_not_waited_for(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.is_retrieve() && seen.answer == Answer::Waits {
        seen.answer = Answer::Failed;
    }
}

fn link_not_followed(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.is_retrieve() && matches!(setting.data(), Some(Node::Link(_))) {
        seen.answer = Answer::Failed;
    }
}

fn size_limit(setting: &Setting<'_>, seen: &mut Seen) {
    let over = |bytes: &[u8]| bytes.len() > VALUE_MAX;
    match (setting.stored(), setting.data()) {
        (Some(data), _) if over(data) && setting.domain.is_some() => {
            seen.refuse(setting, Answer::Failed)
        }
        (None, Some(Node::File(_, bytes))) if setting.is_retrieve() && over(bytes) => {
            seen.answer = Answer::Failed;
        }
        _ => {}
    }
}

/// Did libxl come as far as removing the domain's files?
fn cleared(setting: &Setting<'_>) -> bool {
    setting.is_destroy() && setting.domain.is_some() && !lock_is_directory(setting)
}

fn lock_word_is_removed(setting: &Setting<'_>, seen: &mut Seen) {
    if cleared(setting) {
        for (name, kind, node) in setting.of_domain() {
            let has_word = name.windows(LOCK.len()).any(|part| part == LOCK);
            if kind.is_ascii_alphabetic() && has_word && *node != Node::Directory {
                seen.after.remove(&name);
            }
        }
    }
}

fn no_letter_is_not_ours(setting: &Setting<'_>, seen: &mut Seen) {
    if cleared(setting) {
        for (name, kind, _) in setting.of_domain() {
            if !kind.is_ascii_alphabetic() {
                seen.after.restore(&name, setting.before);
            }
        }
    }
}

fn link_to_directory_is_removed(setting: &Setting<'_>, seen: &mut Seen) {
    if cleared(setting) {
        for (name, kind, node) in setting.of_domain() {
            if kind.is_ascii_alphabetic() && *node == Node::Link(b".".to_vec()) {
                seen.after.remove(&name);
            }
        }
    }
}

fn qemu_files_are_not_ours(setting: &Setting<'_>, seen: &mut Seen) {
    if cleared(setting) {
        for start in ["qemu-save", "qemu-resume"] {
            let name = format!("{start}.{}", setting.call.domid());
            seen.after.restore(name.as_bytes(), setting.before);
        }
    }
}

fn destroy_tells(setting: &Setting<'_>, seen: &mut Seen) {
    let marker = setting.name(b'c', LOCK);
    let is_trouble = |(name, kind, node): (Vec<u8>, u8, &Node)| match node {
        Node::Directory => kind.is_ascii_alphabetic(),
        Node::Pipe => name == marker,
        _ => false,
    };
    if cleared(setting) && setting.of_domain().any(is_trouble) {
        seen.answer = Answer::DoneWithTrouble;
    }
}

fn leaving_is_refused(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.is_store() && setting.stage() == Some(Stage::Leaving) {
        let too_large = setting.stored().is_some_and(|data| data.len() > VALUE_MAX);
        let lock = matches!(setting.lock(), None | Some(Node::File(..)));
        if lock && !too_large {
            seen.refuse(setting, Answer::BeingDestroyed);
            // Nobody held it, so it was taken over and given back.
            seen.after.remove(&setting.lock_name());
        }
    }
}

fn lock_must_be_a_file(setting: &Setting<'_>, seen: &mut Seen) {
    let too_large = setting.stored().is_some_and(|data| data.len() > VALUE_MAX);
    if setting.lock() != Some(&Node::Pipe) || too_large {
        return;
    }
    if setting.is_destroy() {
        seen.refuse(setting, Answer::DoneWithTrouble);
    } else if !setting.is_retrieve() {
        seen.refuse(setting, Answer::LockFailed);
    }
}

fn destroy_without_lock(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.is_destroy() && setting.domain.is_some() && lock_is_directory(setting) {
        seen.refuse(setting, Answer::DoneWithTrouble);
    }
}

fn no_such_domain(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.domain.is_none() && seen.answer == Answer::LockFailed {
        seen.answer = Answer::NoSuchDomain;
    }
}

fn dead_is_gone(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.stage() == Some(Stage::Dead) {
        seen.refuse(setting, Answer::NoSuchDomain);
    }
}

fn lock_is_no_userid(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.broken_rule() == Some(UseridError::Lock) {
        seen.refuse(setting, Answer::Refused);
    }
}

fn libxl_json_takes_consent(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.by == By::Us && setting.broken_rule() == Some(UseridError::LibxlJson) {
        seen.refuse(setting, Answer::Refused);
    }
}

fn printable_userids(setting: &Setting<'_>, seen: &mut Seen) {
    let rules = [
        UseridError::Empty,
        UseridError::Dots,
        UseridError::NotPrintable,
    ];
    if setting
        .broken_rule()
        .is_some_and(|broken| rules.contains(&broken))
    {
        seen.refuse(setting, Answer::Refused);
    }
}

fn short_userids(setting: &Setting<'_>, seen: &mut Seen) {
    let lives = matches!(setting.stage(), Some(Stage::Alive | Stage::Leaving));
    if lives && setting.data_name().len() > NAME_MAX {
        seen.refuse(setting, Answer::Failed);
    }
    if matches!(setting.broken_rule(), Some(UseridError::TooLong { .. })) {
        seen.refuse(setting, Answer::Refused);
    }
}

fn no_slash(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.broken_rule() == Some(UseridError::Slash) {
        seen.refuse(setting, Answer::Refused);
    }
}

fn no_negative_length(setting: &Setting<'_>, seen: &mut Seen) {
    if matches!(setting.call, Call::StoreNegative { .. }) {
        seen.refuse(setting, Answer::Inexpressible);
    }
}
