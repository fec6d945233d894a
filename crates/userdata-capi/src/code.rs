//! `Code`: what the functions return.

/// A code of `enum userdata_error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Code {
    Ok = 0,
    Fail = -1,
    Inval = -2,
    NoDomain = -3,
    NoData = -4,
    Damaged = -5,
    Precondition = -6,
    Deadline = -7,
    Limit = -8,
    Permission = -9,
    Destroying = -10,
    OutcomeUnknown = -11,
    Elsewhere = -12,
    Unavailable = -13,
    NoSpace = -14,
    LockLost = -15,
    NotDurable = -16,
    NoMemory = -17,
    Version = -18,
    Callback = -19,
    Internal = -20,
}

impl Code {
    /// Every code, with its name in the header and the text of `userdata_strerror`.
    pub(crate) const ALL: &[(Self, &str, &std::ffi::CStr)] = &[
        (Self::Ok, "USERDATA_OK", c"done"),
        (Self::Fail, "USERDATA_ERROR_FAIL", c"failed"),
        (
            Self::Inval,
            "USERDATA_ERROR_INVAL",
            c"wrong argument, or a userid that is refused",
        ),
        (
            Self::NoDomain,
            "USERDATA_ERROR_NO_DOMAIN",
            c"no such domain",
        ),
        (Self::NoData, "USERDATA_ERROR_NO_DATA", c"no such value"),
        (
            Self::Damaged,
            "USERDATA_ERROR_DAMAGED",
            c"the value or the archive is empty or damaged",
        ),
        (
            Self::Precondition,
            "USERDATA_ERROR_PRECONDITION",
            c"the value is not the expected one",
        ),
        (
            Self::Deadline,
            "USERDATA_ERROR_DEADLINE",
            c"the deadline passed",
        ),
        (Self::Limit, "USERDATA_ERROR_LIMIT", c"limit exceeded"),
        (
            Self::Permission,
            "USERDATA_ERROR_PERMISSION",
            c"not permitted",
        ),
        (
            Self::Destroying,
            "USERDATA_ERROR_DESTROYING",
            c"the domain is being destroyed",
        ),
        (
            Self::OutcomeUnknown,
            "USERDATA_ERROR_OUTCOME_UNKNOWN",
            c"it is not known whether the change was made",
        ),
        (
            Self::Elsewhere,
            "USERDATA_ERROR_ELSEWHERE",
            c"the domain lives on another host",
        ),
        (
            Self::Unavailable,
            "USERDATA_ERROR_UNAVAILABLE",
            c"Xen or xenstore is not there, or has an unknown release",
        ),
        (Self::NoSpace, "USERDATA_ERROR_NO_SPACE", c"no space left"),
        (
            Self::LockLost,
            "USERDATA_ERROR_LOCK_LOST",
            c"another program broke the lock",
        ),
        (
            Self::NotDurable,
            "USERDATA_ERROR_NOT_DURABLE",
            c"changed, but a power cut may undo the change",
        ),
        (Self::NoMemory, "USERDATA_ERROR_NO_MEMORY", c"out of memory"),
        (
            Self::Version,
            "USERDATA_ERROR_VERSION",
            c"the header and the library do not fit together",
        ),
        (
            Self::Callback,
            "USERDATA_ERROR_CALLBACK",
            c"the caller's function failed",
        ),
        (
            Self::Internal,
            "USERDATA_ERROR_INTERNAL",
            c"internal error of the library",
        ),
    ];

    /// The number.
    pub(crate) const fn number(self) -> i32 {
        self as i32
    }
}

/// The text for a number, whatever it is.
pub(crate) fn text(number: i32) -> &'static std::ffi::CStr {
    let known = Code::ALL.iter().find(|(code, ..)| code.number() == number);
    known.map_or(c"unknown error", |(_, _, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_from_0_to_20_has_a_text_of_its_own() {
        let mut texts: Vec<_> = (-20..=0).map(text).collect();
        texts.push(text(1));
        assert!(text(-21) == c"unknown error" && text(1) == text(i32::MIN));
        texts.sort_unstable();
        texts.dedup();
        assert_eq!((texts.len(), Code::ALL.len()), (22, 21));
    }
}
