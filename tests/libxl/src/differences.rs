//! Every deliberate difference between a call of libxl and one of this library.
//!
//! The order matters, because a later difference changes the result of an earlier one: a difference that
//! refuses a call comes after those that change its result, and after those of refusals that this
//! library checks later.

use crate::amendment;
use crate::difference::Difference;

/// Every difference.
pub(crate) const ALL: &[Difference] = &[
    Difference {
        name: "one temporary name",
        libxl: "Every writer of a value uses the same temporary file. A file that already has its \
                name is written to and keeps its mode, a link is followed, and a directory makes \
                every store fail.",
        here: "Each temporary file has a random name and is created exclusively, with mode 0600. A \
               file with libxl's temporary name stays until the domain is destroyed.",
        because: "Two writers never share a file, and no other program can plant one (G2, G7).",
        amend: amendment::temporary_of_its_own,
    },
    Difference {
        name: "temporary left behind",
        libxl: "A store that fails after it has written the temporary file leaves that file.",
        here: "A store that fails removes its temporary file.",
        because: "A failure leaves the old value and nothing else (G6).",
        amend: amendment::temporary_removed,
    },
    Difference {
        name: "nothing to remove",
        libxl: "If there is no value, a store of no bytes returns 2 (a bare ENOENT), and unlink \
                returns ERROR_FAIL.",
        here: "Both succeed, and say that there was nothing to remove.",
        because: "The caller wants the value to be absent, and it is; a real failure looks \
                  different (G6).",
        amend: amendment::nothing_to_remove,
    },
    Difference {
        name: "positive code",
        libxl: "A store of no bytes that cannot remove the value returns the bare errno, a \
                positive number.",
        here: "A failure is a typed error.",
        because: "Callers test for negative codes, and take a positive one for success (G6).",
        amend: amendment::positive_code,
    },
    Difference {
        name: "reading takes the lock",
        libxl: "A retrieve takes the lock: it creates and removes a file, waits for writers, and \
                fails if it cannot take the lock.",
        here: "A retrieve takes no lock, and creates and removes nothing.",
        because: "Reading needs no permission to write, and never waits (G11).",
        amend: amendment::reading_without_lock,
    },
    Difference {
        name: "pipe",
        libxl: "A named pipe under the name of a value makes a retrieve wait for ever, with the \
                lock held.",
        here: "A retrieve fails at once, and the error says that the file is a named pipe.",
        because: "No file with a name of userdata is waited for (G7, G9).",
        amend: amendment::pipe_is_not_waited_for,
    },
    Difference {
        name: "link",
        libxl: "A retrieve follows a symbolic link under the name of a value. A dangling link \
                reads as no value.",
        here: "A retrieve fails, and the error says that the file is a symbolic link.",
        because: "Links are never followed, and no failure reads as no value (G6, G7).",
        amend: amendment::link_not_followed,
    },
    Difference {
        name: "size limit",
        libxl: "A value may have any size up to 2 GiB.",
        here: "A value over a limit, 1 MiB unless set otherwise, is neither stored nor read.",
        because: "Every read has a limit, whichever program wrote the value (G9).",
        amend: amendment::size_limit,
    },
    Difference {
        name: "name of a lock",
        libxl: "A destroy skips every file whose name contains domain-userdata-lock, so data under \
                such a userid is never removed.",
        here: "A destroy removes every file of the domain.",
        because: "No data outlives its domain (G4).",
        amend: amendment::lock_word_is_removed,
    },
    Difference {
        name: "kind that is not a letter",
        libxl: "A destroy removes files of any kind, which may be any character.",
        here: "A kind is an ASCII letter. A file with another character in its place is left alone.",
        because: "Files whose names are not in the format are never touched (G7).",
        amend: amendment::kind_is_a_letter,
    },
    Difference {
        name: "link to a directory",
        libxl: "A destroy leaves a symbolic link to a directory.",
        here: "A destroy removes the link.",
        because: "The link has a name of the domain like any other file, and is not followed (G4, \
                  G7).",
        amend: amendment::link_to_directory_is_removed,
    },
    Difference {
        name: "device model's state",
        libxl: "A destroy also removes qemu-save.DOMID and qemu-resume.DOMID from the directory.",
        here: "The toolstack has to remove them.",
        because: "They are not userdata, and files whose names are not in the format are never \
                  touched (G7).",
        amend: amendment::qemu_files_are_not_ours,
    },
    Difference {
        name: "destroy that reports",
        libxl: "A destroy logs the files that it could not remove, and succeeds.",
        here: "The result has the files that could not be removed, and a closing mark that could \
               not be made.",
        because: "The caller can act on the files that are left (G6).",
        amend: amendment::destroy_reports,
    },
    Difference {
        name: "leaving domain",
        libxl: "A value is stored although the toolstack has begun to destroy the domain. If the \
                domain's userdata has already been deleted, the value stays for ever.",
        here: "The store is refused, because the domain is being destroyed.",
        because: "No store leaves data of a domain that is being destroyed (G4).",
        amend: amendment::leaving_is_refused,
    },
    Difference {
        name: "lock that is not a file",
        libxl: "Anything that can be opened serves as the lock: a named pipe, or the target of a \
                link, which is created if it is absent. The name is removed afterwards.",
        here: "A lock that is not a regular file is an error, and is left alone.",
        because: "A file of another type is never taken for a lock or a value (G7).",
        amend: amendment::lock_must_be_a_file,
    },
    Difference {
        name: "destroy needs the lock",
        libxl: "A domain whose lock cannot be taken cannot be destroyed at all.",
        here: "The domain is destroyed, and the result says that its data could not be removed.",
        because: "A problem with storage never keeps a toolstack from destroying a domain.",
        amend: amendment::destroy_without_lock,
    },
    Difference {
        name: "no such domain",
        libxl: "A call on a domain that does not exist returns ERROR_LOCK_FAIL.",
        here: "The error says that there is no such domain.",
        because: "Each failure has an error of its own (G6).",
        amend: amendment::no_such_domain,
    },
    Difference {
        name: "dead domain",
        libxl: "A dead domain that is still referred to is treated like any other domain.",
        here: "For a dead domain every call fails: there is no such domain.",
        because: "A dead domain never runs again, so data stored for it would leak (G4).",
        amend: amendment::dead_is_gone,
    },
    Difference {
        name: "userid of a lock",
        libxl: "A value may be stored under the name of a lock, or one that contains \
                domain-userdata-lock.",
        here: "A store under such a userid is refused. An existing value can be read and removed.",
        because: "libxl would never remove the value (G4).",
        amend: amendment::lock_is_not_a_userid,
    },
    Difference {
        name: "libxl-json",
        libxl: "Any program may store or remove libxl-json.",
        here: "libxl-json is written and removed by separate calls only.",
        because: "Without it, or with a wrong one, xl cannot manage the domain.",
        amend: amendment::libxl_json_takes_consent,
    },
    Difference {
        name: "userid's characters",
        libxl: "A userid is not checked: it may have blanks, control characters and other bytes, \
                and may be empty.",
        here: "A userid that is written is printable ASCII without blanks, and neither empty nor . \
               nor .., unless the caller asks for libxl's rules. Values under any userid can be \
               read, listed and removed.",
        because: "libxl.h says that a userid is a short printable ASCII string.",
        amend: amendment::printable_userids,
    },
    Difference {
        name: "userid's length",
        libxl: "A userid may be as long as the file system allows; a longer one fails.",
        here: "A userid that is written has up to 128 bytes, or as many as fit if the caller asks \
               for libxl's rules. A longer one is refused before the lock is taken.",
        because: "A userid that fits one domain might not fit another with a longer domid.",
        amend: amendment::short_userids,
    },
    Difference {
        name: "slash",
        libxl: "A userid with a slash becomes a path: the value is not found by a retrieve, and a \
                store fails, unless the directory exists.",
        here: "A userid with a slash is refused by every call.",
        because: "No userid leads out of the directory (G3, G7).",
        amend: amendment::no_slash,
    },
    Difference {
        name: "negative length",
        libxl: "A store with a negative length succeeds and leaves an empty file, which no \
                retrieve can read.",
        here: "A length is never negative.",
        because: "Zero bytes remove a value, and no call stores an empty one (G5).",
        amend: amendment::no_negative_length,
    },
];
