//! A run of several processes as a picture: what each did and when, around what went wrong.

use std::ops::RangeInclusive;

use userdata_sim::crash::Tree;
use userdata_simulate::actor::Line;
use userdata_simulate::checker::Complaint;
use userdata_simulate::history::{Event, ProcessId};
use userdata_simulate::scenario::{Run, Scenario};

use crate::picture::{Moment, Picture, What, changes, shortened};

impl Picture {
    /// What led to a complaint. The run was traced.
    pub(crate) fn of_run(scenario: &Scenario, run: &Run, complaint: &Complaint) -> Self {
        let mut film = Film {
            window: window(run, complaint),
            actors: complaint.involved.iter().map(|part| part.process).collect(),
            disturbed: None,
            tree: run.began.tree.clone(),
            moments: Vec::new(),
        };
        let mut lines = run.trace.iter().peekable();
        for (place, event) in run.history.events.iter().enumerate() {
            while let Some(line) = lines.next_if(|line| line.events <= place) {
                film.line(line);
            }
            film.event(place, event);
        }
        lines.for_each(|line| film.line(line));
        film.moments
            .push(Moment::new(None, What::Broken, &verdict(complaint)));
        let lanes = scenario.processes.iter().zip(0..);
        let picture = Self {
            lanes: lanes
                .map(|(process, number)| match process.thread_of {
                    None => format!("process {number}: {}", process.role),
                    Some(_) => format!("thread {number}: {}", process.role),
                })
                .collect(),
            moments: film.moments,
        };
        picture.without_idle_lanes()
    }
}

/// The text at the end of the picture.
fn verdict(complaint: &Complaint) -> String {
    let file = complaint.file.as_deref().map(shortened);
    let file = file.map_or_else(String::new, |file| format!("{file}: "));
    format!("{}: {file}{}", complaint.guarantee, complaint.why)
}

/// The events from the first that is involved to the last.
fn window(run: &Run, complaint: &Complaint) -> RangeInclusive<usize> {
    let all = run.history.events.len();
    let began = complaint.involved.iter().map(|part| part.began).min();
    let ended = complaint
        .involved
        .iter()
        .map(|part| part.ended.unwrap_or(all))
        .max();
    began.unwrap_or(0)..=ended.unwrap_or(all)
}

/// How lines begin that repeat what events tell, or tell nothing that matters.
const TOLD: [&str; 4] = ["[", "now ", "process ", "random "];

struct Film {
    /// The events that are shown.
    window: RangeInclusive<usize>,
    /// The processes whose calls are shown even where they change nothing.
    actors: Vec<ProcessId>,
    /// The process whose next call fails because the scenario says so.
    disturbed: Option<ProcessId>,
    tree: Tree,
    moments: Vec<Moment>,
}

impl Film {
    fn line(&mut self, line: &Line) {
        let changes = changes(&self.tree, &line.tree);
        self.tree = line.tree.clone();
        let is_disturbed = self.disturbed.take_if(|who| *who == line.process).is_some();
        let is_told = changes.is_empty() && !is_disturbed;
        if is_told && TOLD.iter().any(|reported| line.text.starts_with(reported)) {
            return;
        }
        let is_shown = self.actors.contains(&line.process) || !is_told;
        // A line comes before the event of its number.
        if is_shown && line.events > *self.window.start() && line.events <= *self.window.end() {
            self.moments.push(Moment {
                lane: Some(line.process.0),
                what: if is_disturbed {
                    What::FailedCall
                } else {
                    What::Call
                },
                text: shortened(&line.text),
                changes,
            });
        }
    }

    fn event(&mut self, place: usize, event: &Event) {
        let (lane, what, text) = match event {
            Event::Invoked {
                process,
                invocation,
                ..
            } => (Some(process.0), What::Begins, invocation.to_string()),
            Event::Responded {
                process, response, ..
            } => (Some(process.0), What::Ends, response.to_string()),
            Event::Killed { process } => (Some(process.0), What::Killed, "killed".to_owned()),
            Event::Disturbed { process, .. } => {
                self.disturbed = Some(*process);
                return;
            }
            Event::Libxl { process, .. }
            | Event::Planted { process, .. }
            | Event::Unguarded { process, .. }
            | Event::OutOfLine { process, .. } => {
                (Some(process.0), What::FailedCall, event.to_string())
            }
            Event::PowerCut => (None, What::PowerCut, event.to_string()),
            _ => (None, What::Host, event.to_string()),
        };
        if self.window.contains(&place) {
            self.moments
                .push(Moment::new(lane, what, &shortened(&text)));
        }
    }
}
