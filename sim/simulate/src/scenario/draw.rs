//! `Scenario::draw`: a scenario that follows from a number.

mod reboot;

use std::num::NonZeroUsize;
use std::time::Duration;

use hv_sim::Failure;
use userdata_core::file_name::NameFormat;
use userdata_core::store::{Durability, Keep};
use userdata_core::{DomainKey, Domid, Userid, Uuid, WritableUserid};

use super::{Mix, Process, Role, Scenario};
use crate::actor::{Interference, LibxlRequest, Life, Request, Task, Whose};
use crate::misanswer::Misanswer;
use crate::walk::Waits;
use userdata_sim::Plant;
use userdata_sim::faults::{At, Fault, How};
use userdata_sim::interpose::CallKind;
use userdata_sim::random::Random;

/// The domids that are used: the first ones of a boot, and two of which one begins with the other's
/// digits.
const DOMIDS: [u16; 4] = [5, 50, 1, 2];

/// The uuids that are used; domains share them, and get them again.
const UUIDS: [u128; 3] = [
    0x11111111_2222_3333_4444_abcdef555555,
    0x66666666_7777_8888_9999_abcdef000000,
    0xdeadbeef_dead_beef_dead_beef00000005,
];

/// The userids that are used: parts of each other, and patterns that match the others.
const USERIDS: [&str; 8] = [
    "xl",
    "xl.backup",
    "x",
    "*",
    "[ab]",
    "libvirt-xml",
    ".hid",
    "libxl-json",
];

/// Calls of the directory that can fail; those that a change depends on are listed more often.
const FAILING: [CallKind; 14] = [
    CallKind::Create,
    CallKind::OpenLock,
    CallKind::OpenLock,
    CallKind::Open,
    CallKind::Read,
    CallKind::Write,
    CallKind::Metadata,
    CallKind::MetadataAt,
    CallKind::Lock,
    CallKind::SyncFile,
    CallKind::Rename,
    CallKind::Unlink,
    CallKind::List,
    CallKind::Sync,
];

/// More of them in a tree.
const FAILING_IN_A_TREE: [CallKind; 8] = [
    CallKind::OpenIn,
    CallKind::OpenDirectory,
    CallKind::OpenDirectory,
    CallKind::MakeDirectory,
    CallKind::RemoveDirectory,
    CallKind::RenameInto,
    CallKind::MetadataByPath,
    CallKind::MetadataByPath,
];

/// How many steps a task has, roughly: for the moments of kills and power cuts.
const STEPS_PER_TASK: u64 = 20;

impl Scenario {
    /// The scenario of a seed.
    #[must_use]
    pub fn draw(seed: u64, mix: &Mix) -> Self {
        let mut draw = Draw::new(seed, *mix);
        let mut scenario = Self::new(draw.domains());
        if draw.is_tree {
            scenario.format = NameFormat::Tree;
        }
        scenario.seed = seed;
        scenario.reports_dying = !draw.one_in(4);
        scenario.block = NonZeroUsize::new(8);
        scenario.processes = (0..mix.processes)
            .map(|number| draw.process(number))
            .collect();
        scenario.power_cut = draw.percent(mix.power_cuts).then(|| draw.moment());
        if mix.reboots > 0 && draw.percent(mix.reboots) {
            draw.reboot(&mut scenario);
        }
        scenario
    }
}

struct Draw {
    random: Random,
    mix: Mix,
    userids: Vec<&'static str>,
    /// Whether the layout is a tree.
    is_tree: bool,
    /// How many values were made.
    values: u64,
}

impl Draw {
    fn new(seed: u64, mix: Mix) -> Self {
        // Choices follow from the seed, too, and are to be independent of these.
        let random = Random::new(seed ^ 0x5ce9_a710);
        let mut draw = Self {
            random,
            mix,
            userids: Vec::new(),
            is_tree: false,
            values: 0,
        };
        // Mixes without trees draw the same as before there were any.
        draw.is_tree = mix.trees > 0 && draw.percent(mix.trees);
        for _ in 0..mix.userids.max(1) {
            let userid = draw.pick(&USERIDS);
            draw.userids.extend(userid);
        }
        draw
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random.draw().checked_rem(bound).unwrap_or_default()
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < u64::from(percent)
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let number = usize::try_from(self.below(from.len() as u64)).ok()?;
        from.get(number).cloned()
    }

    /// One of the numbers up to the number of weights, each as likely as its weight.
    fn weighed(&mut self, weights: &[u32]) -> usize {
        let sum = weights.iter().map(|weight| u64::from(*weight)).sum();
        let mut left = self.below(sum);
        for (weight, number) in weights.iter().zip(0..) {
            match left.checked_sub(u64::from(*weight)) {
                None => return number,
                Some(rest) => left = rest,
            }
        }
        0
    }

    fn uuid(&mut self) -> Uuid {
        Uuid::from_u128(self.pick(&UUIDS).unwrap_or_default())
    }

    fn domains(&mut self) -> Vec<DomainKey> {
        let count = 1 + self.below(u64::from(self.mix.domains));
        let domids = DOMIDS
            .into_iter()
            .filter_map(|domid| Domid::new(domid).ok());
        let domids: Vec<Domid> = domids.take(usize::try_from(count).unwrap_or(1)).collect();
        let key = |domid| DomainKey::new(domid, self.uuid());
        domids.into_iter().map(key).collect()
    }

    /// A step of the run.
    fn moment(&mut self) -> u64 {
        let Mix {
            processes, tasks, ..
        } = self.mix;
        self.below(u64::from(processes) * u64::from(tasks) * STEPS_PER_TASK)
    }

    /// Longer than any run, so that only what is gone goes; or short, or none.
    fn grace(&mut self) -> Duration {
        match self.below(4) {
            0 | 1 => Duration::from_secs(1 << 20),
            2 => Duration::from_micros(300),
            _ => Duration::ZERO,
        }
    }

    fn waits(&mut self) -> Waits {
        let waits = Waits::grace(self.grace());
        if self.mix.settles == 0 || !self.percent(self.mix.settles) {
            return waits;
        }
        let longer_than_any_run = Duration::from_secs(1 << 20);
        waits.and_settle(match self.one_in(4) {
            true => longer_than_any_run,
            false => Duration::from_micros(1 + self.below(1000)),
        })
    }

    fn process(&mut self, number: u32) -> Process {
        let Mix {
            library,
            libxl,
            toolstack,
            adversary,
            ..
        } = self.mix;
        // At least one uses this library.
        let role = match number {
            0 => 0,
            _ => self.weighed(&[library, libxl, toolstack, adversary]),
        };
        let role = match role {
            1 if !self.is_tree => Role::Libxl,
            2 => Role::Toolstack,
            3 if !self.is_tree => Role::Adversary,
            _ => Role::Library,
        };
        let tasks = self.tasks(role);
        let deadlines = [0, 300, 20_000, 10_000_000].map(Duration::from_micros);
        let mut process = Process::new(role, Vec::new());
        process.tasks = tasks;
        process.deadline = self.pick(&deadlines).unwrap_or_default();
        let length = u64::from(self.mix.tasks) * STEPS_PER_TASK;
        let threads = self.mix.threads;
        if threads > 0 && role == Role::Library && (number == 0 || self.percent(threads)) {
            process.thread_of = Some(0);
        }
        process.kill = self.percent(self.mix.kills).then(|| self.below(length));
        process.faults = (0..self.below(u64::from(self.mix.faults) + 1))
            .filter_map(|_| self.fault(length))
            .collect();
        process.misanswers = (0..self.below(u64::from(self.mix.misanswers) + 1))
            .map(|_| (self.below(length / 5), self.misanswer()))
            .collect();
        process
    }

    /// What it does. A process that destroys a domain creates another, for the others to use.
    fn tasks(&mut self, role: Role) -> Vec<Task> {
        let mut tasks = Vec::new();
        for _ in 0..self.mix.tasks {
            let task = match tasks.last() {
                Some(
                    Task::Userdata(_, Request::Destroy(_))
                    | Task::Libxl(_, LibxlRequest::Destroy)
                    | Task::Life(Life::Kill(_)),
                ) => self.create(),
                _ => self.task(role),
            };
            tasks.push(task);
        }
        tasks
    }

    fn create(&mut self) -> Task {
        let domid = self.pick(&DOMIDS).and_then(|domid| Domid::new(domid).ok());
        Task::Life(Life::Create {
            domid: domid.filter(|_| !self.one_in(4)),
            uuid: self.uuid(),
        })
    }

    fn fault(&mut self, length: u64) -> Option<Fault> {
        let kind = match self.is_tree {
            true => self.pick(&[&FAILING[..], &FAILING_IN_A_TREE].concat())?,
            false => self.pick(&FAILING)?,
        };
        let fails = kind.errnos().iter().map(|errno| How::Fails(*errno));
        let shorts = kind.shorts().iter().map(|length| How::Short(*length));
        let how = self.pick(&fails.chain(shorts).collect::<Vec<_>>())?;
        let number = usize::try_from(self.below(length / 10)).ok()?;
        let at = At::Kind(kind, number);
        Some(Fault { at, how })
    }

    fn misanswer(&mut self) -> Misanswer {
        let failures = [
            Failure::Unavailable,
            Failure::NotPermitted,
            Failure::Unsupported,
            Failure::DeadlinePassed(Duration::from_secs(1)),
            Failure::Malformed,
            Failure::Failed,
        ];
        match self.below(8) {
            0 | 1 => Misanswer::Stale,
            2 => Misanswer::Absent,
            3 => Misanswer::Others,
            _ => Misanswer::Fails(self.pick(&failures).unwrap_or(Failure::Failed)),
        }
    }

    fn whose(&mut self) -> Whose {
        let number = u8::try_from(self.below(4)).unwrap_or_default();
        match self.one_in(12) {
            true => Whose::Gone(number),
            false => Whose::Living(number),
        }
    }

    fn userid(&mut self) -> WritableUserid {
        let userids = self.userids.clone();
        let userid = self.pick(&userids).unwrap_or_default();
        // Of these userids, `libxl-json` is the only one that is not writable.
        WritableUserid::new(userid).unwrap_or_else(|_| WritableUserid::libxl_json())
    }

    fn durability(&mut self) -> Durability {
        let all = [Durability::Process, Durability::File, Durability::Full];
        self.pick(&all).unwrap_or_default()
    }

    /// Bytes that no other store of the scenario has, of one to four blocks.
    fn value(&mut self) -> Vec<u8> {
        self.values += 1;
        let number = self.values;
        let more = usize::try_from(self.below(24)).unwrap_or_default();
        let letters = (b'a'..=b'z').cycle().take(more);
        format!("v{number};")
            .into_bytes()
            .into_iter()
            .chain(letters)
            .collect()
    }

    fn task(&mut self, role: Role) -> Task {
        let whose = self.whose();
        match role {
            Role::Library => Task::Userdata(whose, self.request()),
            Role::Libxl => Task::Libxl(whose, self.libxl_request()),
            Role::Toolstack => self.toolstack_task(whose),
            Role::Adversary => Task::Interference(whose, self.interference()),
        }
    }

    fn request(&mut self) -> Request {
        let (userid, durability) = (self.userid(), self.durability());
        let Mix {
            destroys,
            sweeps,
            follows,
            batches,
            ..
        } = self.mix;
        let half = destroys / 2;
        let weights = [
            300, 150, 80, 80, 20, destroys, half, 280, 60, sweeps, follows, batches,
        ];
        match self.weighed(&weights) {
            0 => Request::Store(userid, self.value(), durability),
            1 => Request::StoreIfUnchanged(userid, self.value(), durability),
            2 => Request::Update(userid, self.value(), durability),
            3 => Request::Remove(userid, durability),
            4 if self.one_in(2) => Request::Clear(Keep::Essential, durability),
            4 => Request::Clear(Keep::Nothing, durability),
            5 => Request::Destroy(durability),
            6 => Request::DestroyInVain,
            7 => Request::Retrieve(userid),
            9 => Request::Sweep(self.waits()),
            10 if self.one_in(2) => Request::CarryFrom(self.whose(), durability),
            10 => {
                let second = self.userid();
                let mut values = vec![(userid.clone(), self.value())];
                if second != userid {
                    values.push((second, self.value()));
                }
                Request::Import(values, durability)
            }
            11 => {
                let count = 2 + self.below(3);
                let value = |_| (self.whose(), self.userid(), self.value());
                Request::StoreEach((0..count).map(value).collect(), durability)
            }
            _ => Request::List,
        }
    }

    fn libxl_request(&mut self) -> LibxlRequest {
        let userid = self.userid().as_userid().clone();
        match self.below(20) {
            0..9 => LibxlRequest::Store(userid, self.value()),
            9 => LibxlRequest::Store(userid, Vec::new()),
            10..17 => LibxlRequest::Retrieve(userid),
            17 | 18 => LibxlRequest::Unlink(userid),
            _ => LibxlRequest::Destroy,
        }
    }

    fn toolstack_task(&mut self, whose: Whose) -> Task {
        if self.mix.returns > 0 && self.percent(self.mix.returns) {
            let gone = Whose::Gone(u8::try_from(self.below(4)).unwrap_or_default());
            return Task::Life(match self.below(4) {
                0 | 1 => Life::Return(gone),
                2 => Life::RestoreUuid(gone),
                _ => Life::SetUuid(whose, self.uuid()),
            });
        }
        if self.mix.hides > 0 && self.percent(self.mix.hides) {
            return Task::Life(match self.one_in(2) {
                true => Life::Hide(whose),
                false => Life::Show(whose),
            });
        }
        let life = match self.below(20) {
            0..4 => return self.create(),
            // Reboot, migration and libxl's destroy use libxl, which is not used in a tree.
            5..9 | 12..14 if self.is_tree => {
                return Task::Userdata(whose, Request::Destroy(self.durability()));
            }
            4 => Life::Kill(whose),
            5 | 6 => Life::Reboot(whose),
            7 | 8 => Life::Migrate(whose),
            9 => Life::SetUuid(whose, self.uuid()),
            10 => Life::Pin(whose),
            11 => Life::Unpin(whose),
            12 | 13 => return Task::Libxl(whose, LibxlRequest::Destroy),
            14 => return Task::Userdata(whose, Request::Destroy(self.durability())),
            _ => return Task::Userdata(whose, self.request()),
        };
        Task::Life(life)
    }

    fn interference(&mut self) -> Interference {
        if self.one_in(3) {
            return Interference::HoldLock(Duration::from_micros(100 + self.below(50_000)));
        }
        let plants = [
            Plant::File(Vec::new()),
            Plant::File(b"foreign".to_vec()),
            Plant::Symlink(b"/etc/passwd".to_vec()),
            Plant::Fifo,
            Plant::Socket,
            Plant::Directory,
            Plant::Zeros(1 << 40),
        ];
        let plant = self.pick(&plants).unwrap_or(Plant::Fifo);
        // Lock files and markers belong to the process that locks them.
        let kind = match (self.below(4), &plant) {
            (0, _) => b'n',
            (1, _) => b't',
            (2, _) => b'x',
            // A data file with bytes would be a store, not an interference.
            (_, Plant::File(bytes)) if !bytes.is_empty() => b'x',
            _ => b'd',
        };
        let userid = match kind {
            b'd' | b'n' => self.userid().as_userid().clone(),
            _ => Userid::new("a b[*]").unwrap_or_else(|_| self.userid().as_userid().clone()),
        };
        Interference::Plant {
            kind,
            userid,
            plant,
        }
    }
}
