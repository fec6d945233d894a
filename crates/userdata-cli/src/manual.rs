//! The parts of the help that are not made from the arguments, and the manual page.

mod follow;
#[cfg(feature = "pool")]
mod pool;

use std::io;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::status::Status;

pub(crate) use follow::{CARRY, EXPORT, IMPORT};
#[cfg(feature = "pool")]
pub(crate) use pool::POOL;

pub(crate) const STORE: &str = "\
Examples:
  userdata store web xl /etc/xen/web.cfg
  date | userdata store db backup-agent
  userdata store 5 backup-agent state.json --if-absent
  userdata store 5 backup-agent state.json --if-version \"$VERSION\"
  make-state | userdata store 5 backup-agent --empty-removes";

pub(crate) const RETRIEVE: &str = "\
Examples:
  userdata retrieve web xl
  userdata retrieve web xl -o web.cfg
  userdata retrieve 7.dd0432cd-1e00-4034-a9f8-262cf3743e99 xl
  userdata retrieve web xl --json | jq -r .version";

pub(crate) const REMOVE: &str = "\
Examples:
  userdata remove web backup-agent
  userdata remove web backup-agent --if-version \"$VERSION\"
  userdata remove web --escaped 'back\\x20up'";

pub(crate) const LIST: &str = "\
On a terminal the output is a table. Otherwise it has one line for each value and no head line. The
fields are domid, name, domain, uuid, userid, size in bytes, time of the last change in UTC, and
state. Tabs separate them, and - stands for a field that is unknown.

  domain  alive, dying or dead as the hypervisor reports; gone if the domain no longer exists;
          unknown if the hypervisor does not answer; elsewhere, on a pool, if its home is another
          host
  userid  in printable ASCII: \\xNN for other bytes and blanks, \\\\ for a backslash, \"\" for the
          empty userid; 'retrieve --escaped' and 'remove --escaped' read this form
  state   whole; empty, which means damaged; damaged, on a pool, if the record of the value cannot
          be read; or the type of the file if it is not a regular file

Examples:
  userdata list
  userdata list web --json | jq -r '.values[].userid'";

pub(crate) const CLEAR: &str = "\
On a pool, data that belongs to another host, or that moves here and is not claimed, is left alone,
and the exit status is 12.

Examples:
  userdata clear web
  userdata clear 7.dd0432cd-1e00-4034-a9f8-262cf3743e99";

pub(crate) const DESTROY: &str = "\
If COMMAND fails, the exit status is 1, even if the domain is gone and its values are removed. In
that case a message on standard error says so.

If there is no space for the closing mark, the domain is destroyed without it, unless --export is
given. A message on standard error says so, and the exit status is 0 if all values are removed. The
same holds if the cluster of a pool does not answer, but the exit status is 7 then, and values that
could not be removed stay for the next sweep.

While COMMAND runs, SIGINT and SIGQUIT do not end userdata, and SIGTERM and SIGHUP are passed on to
COMMAND. When COMMAND has ended, the values are removed or kept as described above.

With --json, the output of COMMAND goes to standard error, and only the document to standard output.

With --export, COMMAND runs only after the closing mark is set and the domain's values are in FILE,
for 'userdata import'. If the domain is gone afterwards, FILE stays, whatever COMMAND returned. FILE
also stays if the hypervisor does not answer. If the domain lives, FILE is removed.

Examples:
  userdata destroy web -- xl destroy web
  userdata destroy web --export web.userdata -- xl save web web.save
  userdata destroy -- -web -- xl destroy -web
  userdata destroy web -- userdata sim destroy web";

pub(crate) const SWEEP: &str = "\
For each file that is removed there is a line: removed, the file's name, a word for the reason, and
the reason, separated by tabs. With --dry-run the first field is would-remove. With --explain there
is also a line for each file that stays; its first field is kept, and a fifth field marks values
that are older than this boot of the host: they may be of another domain that had the same domid
and uuid before the reboot. A line that begins with domain names a domain whose destruction was
begun and not completed. The last line has totals.

  absent       the domain does not exist: its files are removed
  dead         the hypervisor has destroyed it: its files are removed
  other-uuid   the domid belongs to a domain with another uuid: its files are removed when sweeps
               have seen that for as long as --grace and --settle say
  settling     it does not exist, and sweeps have not seen that for as long as --settle says
  alive        it lives
  interrupted  it lives, but its destruction was begun: destroy it again
  dying        the hypervisor is destroying it
  closing      another process is destroying it together with its values
  domain-0     Domain-0 keeps its files
  unknown      the hypervisor does not say whether it exists
  busy         another process holds its lock for longer than a second
  failed       its files cannot be locked or read
  unclaimed    in a pool: another host released it to this one, and no domain of its uuid is here:
               it is removed when earlier sweeps have seen that for as long as --grace says
  arriving     in a pool: the same, and a domain with its uuid is here and may claim it
  moving       in a pool: its domain is gone to another host, and the value goes along

In a pool, --explain also tells in lines that begin with 'home' (in JSON as homes) of which domains
the data is removed, released to another host, or kept for now because they move.

In the layout tree a sweep also removes what earlier boots of the host left, and what killed
processes left in the directories of domains. It reports only how many files that were.

A dry run asks without the locks, and does not show the marks of living domains that a sweep may
remove.

The exit status is 0 if the sweep went through all domains, also if files stay because a domain is
unknown or busy. It is 1 if the sweep was refused or ended early, or if files could not be locked,
read or removed; a file that cannot be removed does not end the sweep.

The sweep is refused, and removes nothing, if the hypervisor does not answer or knows no Domain-0,
in the seed layout, and if --hypervisor auto found no Xen and --dir is not the simulated host's own
directory. It is also refused if the file of the simulated host is missing.

Examples:
  userdata sweep --dry-run --explain
  userdata sweep
  userdata sweep --settle 600 --json | jq .totals";

pub(crate) const SIM: &str = "\
The host is kept in the file that --hypervisor sim:FILE names, or in the default file on a machine
without Xen. The first event creates the file. A symbolic link to the file is followed.

Examples:
  userdata sim create --name web
  userdata sim pause web
  userdata sim shutdown web --reason suspend
  userdata sim destroy web --stop-at dying
  userdata sim list";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  userdata completions bash > /etc/bash_completion.d/userdata";

pub(crate) const MAN: &str = "\
Examples:
  userdata man | man -l -";

const EXAMPLES: &str = "\
userdata sim create --name web
userdata store web xl web.cfg
userdata list
userdata retrieve web xl
userdata destroy web -- userdata sim destroy web";

const DOMAINS: &str = "\
DOMAIN is a domid, a uuid in upper or lower case, DOMID.UUID, or a name: the first of these forms
that fits. A domain whose name is a number or a uuid can be named by its domid. If several domains
have the uuid or the name, the command fails and lists them; name one of them by its domid.
DOMID.UUID names one life of a domain, from its creation to its end. With list, retrieve, clear,
export and the OLD of carry the domain may be gone. If a name begins with a dash, put -- before
it.";

/// A variable that is set to the empty string counts as unset.
const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "USERDATA_DIR",
        "The default of --dir. An empty variable counts as unset; this holds for all of them.",
    ),
    ("USERDATA_LAYOUT", "The default of --layout."),
    #[cfg(feature = "pool")]
    (
        "USERDATA_POOL",
        "The default of --pool. The files are used all the same if --dir or --layout is given.",
    ),
    ("USERDATA_HYPERVISOR", "The default of --hypervisor."),
    (
        "XDG_STATE_HOME",
        "The directory of the default simulated host; ~/.local/state if it is not set.",
    ),
    ("NO_COLOR", "If set, no colours are used on a terminal."),
];

const FILES: [(&str, &str); 4] = [
    (
        "/var/lib/xen/userdata-d.DOMID.UUID.USERID",
        "A value on a Xen host, as libxl stores it: its bytes and nothing else.",
    ),
    (
        "~/.local/state/userdata/host.json",
        "The default simulated host.",
    ),
    (
        "~/.local/state/userdata/host.json.userdata",
        "The directory of its values.",
    ),
    (
        "/run/userdata/sightings.json",
        "What sweeps of a Xen host have seen, for --grace and --settle. If it is missing, damaged \
         or of another boot, it is begun anew, and files stay longer.",
    ),
];

const JSON: &str = "\
With --json, every command but completions and man writes one JSON document on one line to
standard output, even if it fails. Messages for people go to standard error as always. The field
schema of a document names its form, such as userdata/list/1. Later releases may add fields to a
form; any other change gives the form another number. A userid is given both in the form that list
shows and in base64; values are in base64. crates/userdata-cli/docs/json.md in the source describes
the form of each document.";

const INTERRUPTION: &str = "\
The command may be interrupted or killed at any time. A value is replaced as a whole or not at all.
Input is read to its end before anything is locked, so no other process has to wait for it. A lock
ends with the process that holds it, and so does the mark that a domain is being destroyed. A
killed command may leave a temporary file, userdata-t...; it is not a value, and the next change of
the domain removes it. An import or a carry that was killed is completed by the same command. A
killed 'destroy --export' may leave FILE, complete, although the domain lives. A command that is
killed while it writes FILE may leave a temporary file beside it, .tmp... SIGXFSZ does not end the
command: a file that becomes too large is reported as an error.";

/// The text after the options in the long help.
pub(crate) fn after_help() -> String {
    let statuses = Status::ALL.iter();
    let lines: String = statuses
        .map(|status| format!("  {:>2}  {}\n", status.number(), status.meaning()))
        .collect();
    let examples: String = EXAMPLES.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "Domains:\n{}\n\nExit status:\n{lines}\nExamples:\n{examples}\n'userdata demo' shows what \
         it does; 'userdata man' has the whole manual.",
        indented(DOMAINS),
    )
}

fn indented(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

/// The manual page, all commands on one.
pub(crate) fn page(command: Command) -> io::Result<Vec<u8>> {
    let mut command = command
        .after_help(None::<&str>)
        .after_long_help(None::<&str>);
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone()).manual("User Commands");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    section("COMMANDS").to_writer(&mut page)?;
    for subcommand in command.get_subcommands() {
        describe(subcommand, &mut page)?;
    }
    paragraphs("DOMAINS", DOMAINS).to_writer(&mut page)?;
    let mut following = section("DATA FOLLOWS ITS DOMAIN");
    for (text, example) in follow::FOLLOWING {
        following.control("PP", []);
        following.text([roman(*text)]);
        if !example.is_empty() {
            verbatim(&mut following, example);
        }
    }
    following.to_writer(&mut page)?;
    #[cfg(feature = "pool")]
    paragraphs("POOL", pool::FILE).to_writer(&mut page)?;
    let mut statuses = section("EXIT STATUS");
    for status in Status::ALL {
        item(
            &mut statuses,
            &status.number().to_string(),
            status.meaning(),
        );
    }
    statuses.to_writer(&mut page)?;
    items("ENVIRONMENT", ENVIRONMENT).to_writer(&mut page)?;
    items("FILES", &FILES).to_writer(&mut page)?;
    paragraphs("JSON", JSON).to_writer(&mut page)?;
    paragraphs("INTERRUPTION", INTERRUPTION).to_writer(&mut page)?;
    let mut examples = section("EXAMPLES");
    verbatim(&mut examples, EXAMPLES);
    examples.to_writer(&mut page)?;
    Ok(page)
}

/// A command and its subcommands: usage, description, and its own options.
fn describe(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let own = command.clone().mut_args(|argument| {
        let global = argument.is_global_set() || argument.get_id() == "help";
        argument.hide(global)
    });
    let usage = own.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage);
    let mut roff = Roff::new();
    roff.control("SS", [usage]);
    let about = own.get_long_about().or(own.get_about());
    for line in about.map(ToString::to_string).unwrap_or_default().lines() {
        match line {
            "" => roff.control("PP", []),
            line => roff.text([roman(line)]),
        };
    }
    roff.to_writer(page)?;
    if own.get_arguments().any(|argument| !argument.is_hide_set()) {
        let mut options = Vec::new();
        Man::new(own.clone()).render_options_section(&mut options)?;
        let heading = b".SH OPTIONS\n";
        let at = options
            .windows(heading.len())
            .position(|window| window == heading);
        options.drain(..at.map_or(0, |at| at + heading.len()));
        page.extend(options);
    }
    if let Some(more) = own.get_after_long_help() {
        let mut roff = Roff::new();
        roff.control("PP", []);
        verbatim(&mut roff, &more.to_string());
        roff.to_writer(page)?;
    }
    for subcommand in command.get_subcommands() {
        describe(subcommand, page)?;
    }
    Ok(())
}

fn section(name: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [name]);
    roff
}

fn paragraphs(name: &str, text: &str) -> Roff {
    let mut roff = section(name);
    roff.text([roman(text.replace('\n', " "))]);
    roff
}

fn items(name: &str, items: &[(&str, &str)]) -> Roff {
    let mut roff = section(name);
    for (term, text) in items {
        item(&mut roff, term, text);
    }
    roff
}

fn item(roff: &mut Roff, term: &str, text: &str) {
    roff.control("TP", []);
    roff.text([bold(term)]);
    roff.text([roman(text)]);
}

fn verbatim(roff: &mut Roff, text: &str) {
    roff.control("nf", []);
    for line in text.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}
