//! Every deliberate difference between a call of libxl and one of this library.
//!
//! The order matters, because a later difference amends the result of an earlier one: an entry for
//! a call that is refused comes after the entries for what the call does.

use crate::amendment;
use crate::difference::Difference;

/// All of them.
pub(crate) const ALL: &[Difference] = &[
    Difference {
        name: "one temporary name",
        libxl: "Every writer of a value uses the same temporary file. If a file with its name \
                exists, libxl writes into it and keeps its mode; it follows a link that has the \
                name; and if a directory has the name, every store fails.",
        here: "Each temporary file has a random name of its own, and is created exclusively with \
               mode 0600. A file with libxl's temporary name is left alone.",
        because: "Two writers never share a file, and no other program can plant one (G2, G7).",
        amend: amendment::temporary_of_its_own,
    },
    Difference {
        name: "temporary file left behind",
        libxl: "A store that fails after the temporary file was written leaves that file behind.",
        here: "A store that fails removes its temporary file.",
        because: "A failure leaves the old value and no other file (G6).",
        amend: amendment::temporary_removed,
    },
    Difference {
        name: "temporary files of a killed lock holder",
        libxl: "The temporary file of a killed writer stays until the next store under the same \
                userid, or until the domain is destroyed.",
        here: "A change that finds a lock file which no process holds first removes the temporary \
               files of the domain.",
        because: "Writers that are killed again and again must not fill the disk.",
        amend: amendment::temporaries_of_killed_removed,
    },
    Difference {
        name: "bytes in a closing mark",
        libxl: "A store or unlink leaves every file alone but that of its value.",
        here: "A change also removes the domain's closing mark if the file has bytes and no \
               process holds it.",
        because: "A link of a value may serve as the mark on a full file system; if its process is \
                  killed, the bytes of the value must not stay in use.",
        amend: amendment::mark_with_bytes_removed,
    },
    Difference {
        name: "nothing to remove",
        libxl: "If the value is absent, a store of no bytes returns 2 (a bare ENOENT), and unlink \
                returns ERROR_FAIL.",
        here: "The removal of an absent value succeeds, and reports that there was nothing to \
               remove.",
        because: "The caller wants the value to be absent, and can tell this case from a failure \
                  (G6).",
        amend: amendment::nothing_to_remove,
    },
    Difference {
        name: "positive code",
        libxl: "If a store of no bytes cannot remove the value, it returns the errno, a positive \
                number.",
        here: "A failure is a typed error.",
        because: "Callers look for negative codes and take a positive one for success (G6).",
        amend: amendment::positive_code,
    },
    Difference {
        name: "reading takes the lock",
        libxl: "A retrieve takes the lock: it creates and removes a file, waits for writers, and \
                fails if the lock cannot be taken.",
        here: "A retrieve takes no lock, and creates and removes no file.",
        because: "Reading needs no right to write and never waits for a writer (G11).",
        amend: amendment::reading_without_lock,
    },
    Difference {
        name: "pipe",
        libxl: "If a named pipe has the name of a value, a retrieve waits for ever, with the lock \
                held.",
        here: "A retrieve reports the named pipe at once.",
        because: "No call waits for a file that is not a regular one (G7, G9).",
        amend: amendment::pipe_is_not_waited_for,
    },
    Difference {
        name: "link",
        libxl: "If a symbolic link has the name of a value, a retrieve follows it; a dangling link \
                counts as no value.",
        here: "A retrieve reports the symbolic link.",
        because: "Links are never followed, and no failure is reported as no value (G6, G7).",
        amend: amendment::link_not_followed,
    },
    Difference {
        name: "size limit",
        libxl: "A value may have any size up to 2 GiB.",
        here: "A value over a limit, 1 MiB unless set otherwise, is neither stored nor read.",
        because: "Every read has a limit, no matter which program wrote the value (G9).",
        amend: amendment::size_limit,
    },
    Difference {
        name: "the lock's name in a userid",
        libxl: "A destroy passes over every file whose name contains domain-userdata-lock, so that \
                data under such a userid is never removed.",
        here: "A destroy removes every file of the domain.",
        because: "No data outlives its domain (G4).",
        amend: amendment::lock_word_is_removed,
    },
    Difference {
        name: "kind that is not a letter",
        libxl: "A destroy removes a file if its kind, the part of its name after userdata-, is any \
                one character.",
        here: "A kind is one ASCII letter. A name with another character in its place does not \
               belong to the store.",
        because: "Names that do not belong to the store are never touched (G7).",
        amend: amendment::kind_is_a_letter,
    },
    Difference {
        name: "link to a directory",
        libxl: "A destroy does not remove a symbolic link that leads to a directory.",
        here: "A destroy removes the link.",
        because: "The link is a file of the domain like any other, and is not followed (G4, G7).",
        amend: amendment::link_to_directory_is_removed,
    },
    Difference {
        name: "the device model's state",
        libxl: "A destroy also removes qemu-save.DOMID and qemu-resume.DOMID from the directory.",
        here: "These files are left to the toolstack.",
        because: "They are not userdata, and names that do not belong to the store are never \
                  touched (G7).",
        amend: amendment::qemu_files_are_not_ours,
    },
    Difference {
        name: "destroy that reports",
        libxl: "A destroy logs the files that it could not remove, and succeeds.",
        here: "The result lists the files that could not be removed or could not be used as the \
               closing mark.",
        because: "The caller can act on files that are left (G6).",
        amend: amendment::destroy_reports,
    },
    Difference {
        name: "leaving domain",
        libxl: "A value is stored although the toolstack has begun to take the domain apart. If \
                its userdata is deleted already, the value stays for ever.",
        here: "The store is refused with the error that the domain is being destroyed.",
        because: "No store leaves data of a domain that is being destroyed (G4).",
        amend: amendment::leaving_is_refused,
    },
    Difference {
        name: "lock that is not a regular file",
        libxl: "Anything that can be opened serves as the lock: a named pipe, or the target of a \
                link, which is created if it is absent. The name is removed afterwards.",
        here: "A lock that is not a regular file is an error, and stays in place.",
        because: "A file under the store's names is used only if it is a regular file (G7).",
        amend: amendment::lock_must_be_a_file,
    },
    Difference {
        name: "destroy needs the lock",
        libxl: "A domain whose lock cannot be taken cannot be destroyed at all.",
        here: "The domain is destroyed, and the result says that its data could not be removed.",
        because: "A failure of the storage never stops a toolstack from destroying a domain.",
        amend: amendment::destroy_without_lock,
    },
    Difference {
        name: "no such domain",
        libxl: "A call on a domain that does not exist returns ERROR_LOCK_FAIL.",
        here: "The error says that the domain does not exist.",
        because: "Each kind of failure has its own error (G6).",
        amend: amendment::no_such_domain,
    },
    Difference {
        name: "dead domain",
        libxl: "A dead domain to which another domain still refers is treated like any other.",
        here: "A dead domain is treated as gone.",
        because: "A dead domain never comes back, so data that is stored for it would stay for \
                  ever (G4).",
        amend: amendment::dead_is_gone,
    },
    Difference {
        name: "userid of a lock",
        libxl: "A value may be stored under the name of a lock, or under a userid that contains \
                domain-userdata-lock.",
        here: "A store with such a userid is refused. A value that has one can be read and \
               removed.",
        because: "libxl would never remove the value (G4).",
        amend: amendment::lock_is_not_a_userid,
    },
    Difference {
        name: "libxl-json",
        libxl: "Any program may store or remove libxl-json.",
        here: "Only a separate call stores or removes it.",
        because: "Without it, or with a wrong one, xl cannot manage the domain.",
        amend: amendment::libxl_json_takes_consent,
    },
    Difference {
        name: "characters of a userid",
        libxl: "A userid is not checked: blanks, control characters, other bytes and the empty \
                userid are stored.",
        here: "A store needs a userid of printable ASCII without blanks that is not empty, . or \
               .., unless the caller asks for libxl's rules. Values under any userid can be read, \
               listed and removed.",
        because: "libxl.h says that a userid is a short printable ASCII string.",
        amend: amendment::printable_userids,
    },
    Difference {
        name: "length of a userid",
        libxl: "A userid may be as long as the file system allows. A longer one fails.",
        here: "A store needs a userid of at most 128 bytes, or of as many as fit into the file \
               name if the caller asks for libxl's rules. A longer one is refused before the lock \
               is taken.",
        because: "A longer userid could fit for one domain and not for another one with a longer \
                  domid.",
        amend: amendment::short_userids,
    },
    Difference {
        name: "slash",
        libxl: "A userid with a slash is part of a path: a read does not find it, and a store \
                fails unless the directory exists.",
        here: "A userid with a slash is refused by every call.",
        because: "No userid leads out of the directory (G3, G7).",
        amend: amendment::no_slash,
    },
    Difference {
        name: "negative length",
        libxl: "A store with a negative length succeeds and leaves an empty file, which no \
                retrieve can read.",
        here: "A length is never negative.",
        because: "Zero bytes remove a value; no call stores an empty one (G5).",
        amend: amendment::no_negative_length,
    },
];
