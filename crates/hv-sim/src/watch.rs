//! `ReleaseWatch`: a watch like xenstore's on `@releaseDomain`.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// A watch on `@releaseDomain`: when it fires, something *may* have changed.
///
/// As in xenstore, a firing does not name a domain, may stand for several events, and may have no
/// reason. The watch fires
///
/// * when it is registered, so that a program can register first and then look;
/// * when a domain shuts down, and again when it shuts down after a resume;
/// * when a domain is dead or gone, but not when a zombie, which was dead already, is gone;
/// * after a soft reset, although the domain still lives;
/// * after a reboot of the host, when watches have to be registered anew.
///
/// It does not fire when a domain is created, is renamed, gets another handle, or begins to leave
/// or to die.
#[derive(Debug)]
#[must_use = "a watch that is dropped fires no more"]
pub struct ReleaseWatch {
    bell: Arc<Bell>,
}

impl ReleaseWatch {
    /// Whether the watch has fired since the last call of this method or of [`ReleaseWatch::wait`].
    #[must_use]
    pub fn take(&self) -> bool {
        std::mem::take(&mut *self.bell.rung())
    }

    /// Waits until the watch has fired since the last call of this method or of
    /// [`ReleaseWatch::take`]; `false` if `timeout` passes before.
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
