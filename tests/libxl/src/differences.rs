//! Every deliberate difference between a call of libxl and one of this library.
//!
//! One that says that a call is refused comes behind those that say what it does, and behind those
//! that are checked later: the last word counts.

use crate::amendment;
use crate::difference::Difference;

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
        amend: amendment::temporary_of_its_own,
    },
    Difference {
        name: "temporary left behind",
        libxl: "A store that fails after the temporary file was written leaves it behind.",
        here: "A store that fails removes its temporary file.",
        because: "A failure leaves the old value and nothing else (G6).",
        amend: amendment::temporary_removed,
    },
    Difference {
        name: "nothing to remove",
        libxl: "To remove what is not there is code 2 (a bare ENOENT) by a store of no bytes, and \
                ERROR_FAIL by unlink.",
        here: "To remove what is not there succeeds and says that there was nothing to remove.",
        because: "Whoever removes wants it gone, and can be told apart from a failure (G6).",
        amend: amendment::nothing_to_remove,
    },
    Difference {
        name: "positive code",
        libxl: "A store of no bytes that cannot remove the value returns the bare errno, a \
                positive number.",
        here: "A failure is a typed error.",
        because: "Callers look for negative codes and take a positive one for success (G6).",
        amend: amendment::positive_code,
    },
    Difference {
        name: "reading takes the lock",
        libxl: "A retrieve takes the lock: it creates and removes a file, waits for writers, and \
                fails where the lock cannot be taken.",
        here: "A retrieve takes no lock, creates and removes nothing.",
        because: "Reading needs no right to write and never waits (G11).",
        amend: amendment::reading_without_lock,
    },
    Difference {
        name: "pipe",
        libxl: "A named pipe under the name of a value makes a retrieve wait for ever, with the \
                lock held.",
        here: "A retrieve says at once that a named pipe stands there.",
        because: "Nothing that stands under our names is waited for (G7, G9).",
        amend: amendment::pipe_not_waited_for,
    },
    Difference {
        name: "link",
        libxl: "A symbolic link under the name of a value is followed when it is read; one that \
                leads nowhere reads as no value.",
        here: "A retrieve says that a symbolic link stands there.",
        because: "Links are never followed, and no failure reads as no value (G6, G7).",
        amend: amendment::link_not_followed,
    },
    Difference {
        name: "size limit",
        libxl: "A value may have any size up to 2 GiB.",
        here: "A value over a limit, 1 MiB unless set otherwise, is neither stored nor read.",
        because: "Every read has a limit, whoever wrote what is read (G9).",
        amend: amendment::size_limit,
    },
    Difference {
        name: "lock's word",
        libxl: "A destroy passes over every file whose name contains domain-userdata-lock, so that \
                data under such a userid is never removed.",
        here: "A destroy removes every file of the domain.",
        because: "No data outlives its domain (G4).",
        amend: amendment::lock_word_is_removed,
    },
    Difference {
        name: "kind that is no letter",
        libxl: "A destroy removes files of any kind of one character.",
        here: "A kind is one ASCII letter; a name with another character in its place is not ours.",
        because: "Names that are not ours are never touched (G7).",
        amend: amendment::no_letter_is_not_ours,
    },
    Difference {
        name: "link to a directory",
        libxl: "A destroy leaves a symbolic link that leads to a directory.",
        here: "A destroy removes the link.",
        because: "It is a name of the domain like any other, and is not followed (G4, G7).",
        amend: amendment::link_to_directory_is_removed,
    },
    Difference {
        name: "device model's state",
        libxl: "A destroy also removes qemu-save.DOMID and qemu-resume.DOMID from the directory.",
        here: "They are left to the toolstack.",
        because: "They are no userdata, and names that are not ours are never touched (G7).",
        amend: amendment::qemu_files_are_not_ours,
    },
    Difference {
        name: "destroy that tells",
        libxl: "What a destroy could not remove is logged; the call succeeds.",
        here: "What could not be removed, or not be used as our closing marker, is in the result.",
        because: "Whoever destroys a domain can act on what is left (G6).",
        amend: amendment::destroy_tells,
    },
    Difference {
        name: "leaving domain",
        libxl: "A value is stored although the toolstack has begun to take the domain apart; if \
                its userdata is deleted already, the value stays for ever.",
        here: "The store is refused: the domain is being destroyed.",
        because: "No store leaves data of a domain that goes (G4).",
        amend: amendment::leaving_is_refused,
    },
    Difference {
        name: "lock that is no file",
        libxl: "Whatever can be opened serves as the lock, a named pipe or what a link leads to, \
                which is made if it is not there; the name is removed afterwards.",
        here: "A lock that is no regular file is an error, and is left where it is.",
        because: "Nothing under our names is taken for what it is not (G7).",
        amend: amendment::lock_must_be_a_file,
    },
    Difference {
        name: "destroy needs the lock",
        libxl: "A domain whose lock cannot be taken cannot be destroyed at all.",
        here: "The domain is destroyed; that its data could not be removed is in the result, and a \
               sweep collects it.",
        because: "Trouble with storage never stops a toolstack from destroying a domain.",
        amend: amendment::destroy_without_lock,
    },
    Difference {
        name: "no such domain",
        libxl: "A call on a domain that does not exist returns ERROR_LOCK_FAIL.",
        here: "It says that there is no such domain.",
        because: "Each failure is told apart from the others (G6).",
        amend: amendment::no_such_domain,
    },
    Difference {
        name: "dead domain",
        libxl: "A domain that is dead, but to which something still refers, is like any other.",
        here: "It is no more, and whatever is left of its data is for a sweep.",
        because: "A dead domain never comes back, so data stored for it would leak (G4).",
        amend: amendment::dead_is_gone,
    },
    Difference {
        name: "userid of a lock",
        libxl: "A value may be stored under the name of a lock, or one that contains \
                domain-userdata-lock.",
        here: "Such a userid is refused when it is written, and removed or read when found.",
        because: "libxl would never collect the value (G4).",
        amend: amendment::lock_is_no_userid,
    },
    Difference {
        name: "libxl-json",
        libxl: "Anybody may store or remove libxl-json.",
        here: "It is written and removed only by a call of its own.",
        because: "Without it, or with a wrong one, xl cannot manage the domain.",
        amend: amendment::libxl_json_takes_consent,
    },
    Difference {
        name: "userid's characters",
        libxl: "A userid is not looked at: blanks, control characters, other bytes and the empty \
                one are stored.",
        here: "A userid is written in printable ASCII without blanks and is neither empty nor . \
               nor .. unless the caller asks for libxl's rules; all are read, listed and removed.",
        because: "libxl.h says that a userid is a short printable ASCII string.",
        amend: amendment::printable_userids,
    },
    Difference {
        name: "userid's length",
        libxl: "A userid may be as long as the file system lets it; what is longer fails.",
        here: "128 bytes are written, or what fits where the caller asks for libxl's rules; a \
               longer one is refused before the lock is taken.",
        because: "A userid that fits one domain would not fit another with a longer domid.",
        amend: amendment::short_userids,
    },
    Difference {
        name: "slash",
        libxl: "A userid with a slash is part of a path: it is not found when it is read, and \
                fails when it is written, unless somebody made the directory.",
        here: "A userid with a slash is refused by every call.",
        because: "No userid leads out of the directory (G3, G7).",
        amend: amendment::no_slash,
    },
    Difference {
        name: "negative length",
        libxl: "A store with a negative length succeeds and leaves an empty file, which no \
                retrieve can read.",
        here: "A length is never negative.",
        because: "Zero bytes remove a value; nothing stores an empty one (G5).",
        amend: amendment::no_negative_length,
    },
];
