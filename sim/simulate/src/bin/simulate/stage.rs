//! `Stage`: performs the actions of a walk once more, to show them.

use userdata::Userdata;
use userdata_sim::faults::Faults;
use userdata_simulate::root_behind;
use userdata_simulate::walk::{Action, Broken, End, Scene, open_store};

use crate::picture::{Moment, Picture, Recorder, What};

/// What one process does, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage<'a> {
    scene: &'a Scene,
    actions: &'a [Action],
}

impl<'a> Stage<'a> {
    pub(crate) const fn new(scene: &'a Scene, actions: &'a [Action]) -> Self {
        Self { scene, actions }
    }

    /// Performs it again up to the crash, with the faults that struck. `None` if the host does not
    /// start.
    pub(crate) fn play(&self, broken: &Broken) -> Option<Picture> {
        let incident = &broken.incident;
        let (disk, host) = (self.scene.disk(), self.scene.host().ok()?);
        let (recorder, faults) = (Recorder::new(disk.clone()), Faults::default());
        let interceptors = (recorder.clone(), faults.clone());
        let root = root_behind(&disk.process(), interceptors).ok()?;
        let format = self.scene.setting().format;
        let store = open_store(format, root, Scene::BOOT).ok()?;
        faults.begin(incident.faults.iter().copied());
        let userdata = Userdata::new(host.clone(), store);
        for (number, action) in (1..=incident.actions).zip(self.actions) {
            if number == incident.actions {
                disk.record_steps();
            }
            recorder.note(Some(0), What::Begins, action.to_string());
            let report = action.perform(&userdata, &host);
            recorder.note(Some(0), What::Ends, report.to_string());
        }
        let mut moments = recorder.moments_until(incident.step);
        moments.extend(incident.end.map(|end| match end {
            End::Kill => Moment::new(Some(0), What::Killed, "killed"),
            End::PowerCut(state) => {
                Moment::new(None, What::PowerCut, &format!("power cut, state {state}"))
            }
        }));
        let verdict = format!("{}: {}", broken.guarantee, broken.why);
        moments.push(Moment::new(None, What::Broken, &verdict));
        Some(Picture {
            lanes: vec!["the process".to_owned()],
            moments,
        })
    }
}
