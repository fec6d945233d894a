//! `Waited`: how long a call waited, for people.

use std::fmt;
use std::time::Duration;

/// A time with as many digits as a person needs.
pub(crate) struct Waited(pub(crate) Duration);

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(time) = self;
        if *time < Duration::from_millis(100) {
            write!(f, "{} ms", time.as_millis())
        } else if time.subsec_millis() == 0 || *time >= Duration::from_secs(100) {
            write!(f, "{} s", time.as_secs())
        } else {
            write!(f, "{:.1} s", time.as_secs_f64())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rounded() {
        for (time, text) in [
            (Duration::ZERO, "0 ms"),
            (Duration::from_micros(20_500), "20 ms"),
            (Duration::from_nanos(930_524_108), "0.9 s"),
            (Duration::from_nanos(1_943_924_931), "1.9 s"),
            (Duration::from_nanos(1_000_087_137), "1 s"),
            (Duration::from_secs(5), "5 s"),
            (Duration::from_millis(3_600_500), "3600 s"),
        ] {
            assert_eq!(Waited(time).to_string(), text);
        }
    }
}
