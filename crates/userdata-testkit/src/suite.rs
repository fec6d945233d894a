//! `Statement`, and how a list of them is checked.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One statement of a contract: a function that panics if the statement is not true of a fresh `T`.
///
/// ```
/// use userdata_testkit::hypervisor::{self, HypervisorUnderTest};
/// use userdata_testkit::hv_sim::{HostOptions, SimHost};
///
/// // As `run_all` does, but one statement at a time, for a test harness of your own.
/// for statement in hypervisor::statements() {
///     println!("checking that {}", statement.name());
///     statement.check(&HypervisorUnderTest::new(SimHost::new(HostOptions::new(1))));
/// }
/// ```
pub struct Statement<T> {
    name: &'static str,
    check: fn(&T),
}

impl<T> Statement<T> {
    pub(crate) const fn new(name: &'static str, check: fn(&T)) -> Self {
        Self { name, check }
    }

    /// The name of the function, which says what is true.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Checks the statement.
    ///
    /// # Panics
    ///
    /// If the statement is not true.
    pub fn check(&self, fresh: &T) {
        (self.check)(fresh);
    }
}

impl<T> fmt::Debug for Statement<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Statement({})", self.name)
    }
}

/// Checks every statement, each on a fresh `T`, and panics with the names of those that are not
/// true.
pub(crate) fn run_all<T>(statements: &[Statement<T>], make: impl Fn() -> T) {
    let untrue: Vec<String> = statements
        .iter()
        .filter_map(|statement| {
            let checked = catch_unwind(AssertUnwindSafe(|| statement.check(&make())));
            let panic = checked.err()?;
            Some(format!("\n  {}: {}", statement.name, text(&*panic)))
        })
        .collect();
    assert!(
        untrue.is_empty(),
        "{} of {} statements are not true:{}",
        untrue.len(),
        statements.len(),
        untrue.concat(),
    );
}

fn text(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text,
        (None, None) => "a panic without a text",
    }
}

/// The list of a suite. Each statement has the name of its function.
macro_rules! statements {
    ($($module:ident { $($name:ident),* $(,)? })*) => {
        vec![$($($crate::suite::Statement::new(stringify!($name), $module::$name)),*),*]
    };
}
pub(crate) use statements;

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(_: &u8) {}

    fn needs_a_seven(number: &u8) {
        assert_eq!(*number, 7, "not a seven");
    }

    #[test]
    fn every_untrue_statement_is_named_with_its_reason() {
        let statements = [
            Statement::new("holds", holds),
            Statement::new("needs_a_seven", needs_a_seven),
        ];
        run_all(&statements, || 7);
        let panic = catch_unwind(|| run_all(&statements, || 6)).unwrap_err();
        let text = text(&*panic);
        assert!(
            text.starts_with("1 of 2 statements are not true:\n  needs_a_seven: "),
            "{text}"
        );
        assert!(text.contains("not a seven"), "{text}");
    }

    /// The names of the public functions in the source of a module.
    fn functions(source: &str) -> Vec<&str> {
        source
            .lines()
            .filter_map(|line| line.strip_prefix("pub fn "))
            .filter_map(|rest| rest.split(['(', '<']).next())
            .collect()
    }

    fn listed<T>(statements: &[Statement<T>]) -> Vec<&'static str> {
        statements.iter().map(Statement::name).collect()
    }

    fn written<const N: usize>(sources: [&'static str; N]) -> Vec<&'static str> {
        sources.into_iter().flat_map(functions).collect()
    }

    #[test]
    fn every_function_of_a_suite_is_on_its_list() {
        let store = [
            include_str!("store/admission.rs"),
            include_str!("store/clearing.rs"),
            include_str!("store/clearing_many.rs"),
            include_str!("store/closing.rs"),
            include_str!("store/comparing.rs"),
            include_str!("store/isolation.rs"),
            include_str!("store/owners.rs"),
            include_str!("store/putting_all.rs"),
            include_str!("store/putting_each.rs"),
            include_str!("store/sharing.rs"),
            include_str!("store/snapshots.rs"),
            include_str!("store/transfers.rs"),
            include_str!("store/values.rs"),
        ];
        assert_eq!(listed(&crate::store::statements()), written(store));
        let directory = [
            include_str!("directory/children.rs"),
            include_str!("directory/files.rs"),
            include_str!("directory/listing.rs"),
            include_str!("directory/locking.rs"),
            include_str!("directory/naming.rs"),
            include_str!("directory/special_files.rs"),
            include_str!("directory/surroundings.rs"),
            include_str!("directory/syncing.rs"),
        ];
        let statements = crate::directory::statements::<userdata_fs::OsDirectory>();
        assert_eq!(listed(&statements), written(directory));
        let hypervisor = [
            include_str!("hypervisor/identity.rs"),
            include_str!("hypervisor/lives.rs"),
        ];
        assert_eq!(
            listed(&crate::hypervisor::statements()),
            written(hypervisor)
        );
    }
}
