//! `ReleaseWatch`: a watch like xenstore's on `@releaseDomain`.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// A watch on `@releaseDomain`: something *may* have changed, look.
///
/// As with xenstore, it names no domain, several events may share one firing, and some firings have
/// no reason. It fires
///
/// * once when it is registered: watch first, then look, then act;
/// * when a domain is first seen shut down, again after a resume;
/// * when a domain is dead or gone, but not when a zombie, dead before, disappears at last;
/// * after a soft reset, although the domain lives;
/// * after a reboot of the host, when watches have to be registered anew.
///
/// It does not fire when a domain is created, renamed or gets another handle, begins to leave or to
/// die.
#[derive(Debug)]
pub struct ReleaseWatch {
    bell: Arc<Bell>,
}

impl ReleaseWatch {
    /// Whether it has fired since it was last asked.
    #[must_use]
    pub fn take(&self) -> bool {
        std::mem::take(&mut *self.bell.rung())
    }

    /// Waits until it fires, or has fired since it was last asked; `false` when `timeout` passed
    /// before.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> bool {
        let (mut rung, _) = self
            .bell
            .woken
            .wait_timeout_while(self.bell.rung(), timeout, |rung| !*rung)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *rung)
    }
}

/// All watches of one host.
#[derive(Debug, Default)]
pub(crate) struct Watches(Vec<Weak<Bell>>);

impl Watches {
    pub(crate) fn register(&mut self) -> ReleaseWatch {
        let bell = Arc::new(Bell::default());
        bell.ring();
        self.0.push(Arc::downgrade(&bell));
        ReleaseWatch { bell }
    }

    pub(crate) fn fire(&mut self) {
        self.0.retain(|bell| {
            let bell = bell.upgrade();
            bell.inspect(|bell| bell.ring()).is_some()
        });
    }
}

#[derive(Debug, Default)]
struct Bell {
    rung: Mutex<bool>,
    woken: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung() = true;
        self.woken.notify_all();
    }

    fn rung(&self) -> MutexGuard<'_, bool> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
