//! `Lanes`: a picture of what happened. Time runs downwards; each process has a lane, and the
//! directory is beside them.

use std::fmt;

use super::text::Text;
use crate::picture::{Change, Moment, Picture, What};

const ROW: usize = 18;
const HEAD: usize = 30;
const CLOCK: usize = 34;
const DIRECTORY: usize = 400;

/// The room for all lanes together, and the least for one.
const LANES: usize = 900;
const LANE_MIN: usize = 230;
const LANE_MAX: usize = 460;

/// How many moments are shown; if there were more, the last ones are.
const MOMENTS_MAX: usize = 400;

/// A picture as SVG.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes<'a>(pub(crate) &'a Picture);

/// An operation in its lane, from its first row to its last.
struct Invocation {
    lane: usize,
    from: usize,
    to: usize,
    /// Whether it came to its end.
    ended: bool,
}

impl Lanes<'_> {
    fn moments(&self) -> &[Moment] {
        let all = &self.0.moments;
        all.get(all.len().saturating_sub(MOMENTS_MAX)..)
            .unwrap_or(all)
    }

    /// The width of a lane.
    fn lane(&self) -> usize {
        (LANES / self.0.lanes.len().max(1)).clamp(LANE_MIN, LANE_MAX)
    }

    /// Where a lane begins; the directory is behind the last one.
    fn left(&self, lane: usize) -> usize {
        CLOCK + lane * self.lane()
    }

    fn width(&self) -> usize {
        self.left(self.0.lanes.len()) + DIRECTORY
    }

    /// The row of each moment: one with several changes takes several.
    fn rows(&self) -> (Vec<usize>, usize) {
        let mut next = 0;
        let mut rows = Vec::new();
        for moment in self.moments() {
            rows.push(next);
            next += moment.changes.len().max(1);
        }
        (rows, next)
    }

    fn operations(&self, rows: &[usize], end: usize) -> Vec<Invocation> {
        let mut all: Vec<Invocation> = Vec::new();
        for (moment, row) in self.moments().iter().zip(rows) {
            let Some(lane) = moment.lane else { continue };
            let open = all
                .iter_mut()
                .rev()
                .find(|invocation| invocation.lane == lane);
            match (moment.what, open) {
                (What::Begins, _) => all.push(Invocation {
                    lane,
                    from: *row,
                    to: end,
                    ended: false,
                }),
                (What::Ends | What::Killed, Some(open)) if open.to == end => {
                    open.to = *row;
                    open.ended = moment.what == What::Ends;
                }
                _ => {}
            }
        }
        all
    }
}

impl fmt::Display for Lanes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, end) = self.rows();
        let (width, height) = (self.width(), HEAD + end * ROW + ROW / 2);
        writeln!(
            f,
            "<svg class=lanes width={width} height={height} viewBox=\"0 0 {width} {height}\" \
             role=img>"
        )?;
        for (number, lane) in self.0.lanes.iter().enumerate() {
            let x = self.left(number);
            let (middle, bottom) = (x + 10, height);
            write!(f, "<text class=head x={x} y=16>{}</text>", Text(lane))?;
            writeln!(f, "<path class=lane d=\"M{middle} {HEAD}V{bottom}\"/>")?;
        }
        let directory = self.left(self.0.lanes.len());
        writeln!(
            f,
            "<text class=head x={directory} y=16>the directory</text>"
        )?;
        for invocation in self.operations(&rows, end) {
            let (x, y) = (self.left(invocation.lane), top(invocation.from) + 1);
            let tall = (invocation.to - invocation.from + 1) * ROW - 2;
            let class = if invocation.ended { "op" } else { "op open" };
            let wide = self.lane() - 8;
            writeln!(
                f,
                "<rect class=\"{class}\" x={x} y={y} width={wide} height={tall} rx=4 />"
            )?;
        }
        for (moment, row) in self.moments().iter().zip(&rows) {
            self.moment(f, moment, top(*row))?;
            for (change, row) in moment.changes.iter().zip(*row..) {
                show_change(f, change, directory, top(row))?;
            }
        }
        writeln!(f, "</svg>")
    }
}

impl Lanes<'_> {
    fn moment(&self, f: &mut fmt::Formatter<'_>, moment: &Moment, y: usize) -> fmt::Result {
        let (class, sign) = match moment.what {
            What::Begins => ("begins", ""),
            What::Ends => ("ends", ""),
            What::Call => ("call", ""),
            What::FailedCall => ("call failed", ""),
            What::Killed => ("crash", "killed: "),
            What::Host => ("host", ""),
            What::PowerCut => ("crash", ""),
            What::Broken => ("broken", ""),
        };
        let (text, base) = (Text(&moment.text), y + 13);
        let across = self.width();
        if moment.lane.is_none() {
            let height = ROW - 2;
            writeln!(
                f,
                "<rect class=\"bar {class}\" x=0 y={y} width={across} height={height} />"
            )?;
        }
        let x = moment.lane.map_or(CLOCK, |lane| self.left(lane));
        let inset = match moment.what {
            What::Call | What::FailedCall => {
                let (cx, cy) = (x + 10, y + 9);
                write!(f, "<circle class=\"{class}\" cx={cx} cy={cy} r=3 />")?;
                20
            }
            _ => 8,
        };
        // A text that does not fit in its lane is cut off; the title shows all of it.
        let room = match moment.lane {
            Some(_) => self.lane() - inset - 10,
            None => across - CLOCK,
        };
        let x = x + inset;
        writeln!(
            f,
            "<svg x={x} y={y} width={room} height={ROW}><title>{text}</title>\
             <text class=\"{class}\" y=13>{sign}{text}</text></svg>"
        )?;
        if moment.what == What::Killed || moment.what == What::PowerCut {
            let mark = CLOCK / 2;
            writeln!(f, "<text class=crash x={mark} y={base}>&#215;</text>")?;
        }
        Ok(())
    }
}

fn show_change(f: &mut fmt::Formatter<'_>, change: &Change, x: usize, y: usize) -> fmt::Result {
    let (class, sign) = match (&change.now, change.was) {
        (None, _) => ("gone", "-"),
        (Some(_), false) => ("new", "+"),
        (Some(_), true) => ("changed", "~"),
    };
    let (name, now) = (
        Text(&change.name),
        change.now.as_deref().unwrap_or_default(),
    );
    let now = Text(now);
    writeln!(
        f,
        "<svg x={x} y={y} width={DIRECTORY} height={ROW}><title>{name} {now}</title>\
         <text class={class} y=13>{sign} {name} <tspan class=value>{now}</tspan></text></svg>"
    )
}

const fn top(row: usize) -> usize {
    HEAD + row * ROW
}
