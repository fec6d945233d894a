//! The functions of the table of differences. Each changes what libxl did into what this library
//! must do.

use crate::answer::Answer;
use crate::difference::Seen;
use crate::setting::{LOCK, Rule, Setting, Stage};
use crate::step::{By, Call};
use crate::tree::Node;

/// The largest value of a call, in bytes.
const fn value_max(setting: &Setting<'_>) -> usize {
    match setting.by {
        By::DropIn => i32::MAX as usize,
        _ => 1 << 20,
    }
}

/// The longest file name, in bytes.
const NAME_MAX: usize = 255;

/// Whether a directory has the lock's name, so that libxl can't take the lock.
fn lock_is_directory(setting: &Setting<'_>) -> bool {
    setting.lock() == Some(&Node::Directory)
}

pub(crate) fn temporary_of_its_own(setting: &Setting<'_>, seen: &mut Seen) {
    let (Some(data), Some(new)) = (setting.stored(), setting.new_file()) else {
        return;
    };
    if lock_is_directory(setting) {
        return;
    }
    seen.after.restore(&setting.new_name(), setting.before);
    if let Node::Link(target) = new {
        seen.after.restore(target, setting.before);
    }
    if setting.data() == Some(&Node::Directory) {
        seen.answer = Answer::Failed;
    } else {
        seen.answer = Answer::Done;
        seen.after.put(&setting.data_name(), Node::private(data));
    }
}

pub(crate) fn temporary_removed(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.stored().is_some() && setting.data() == Some(&Node::Directory) {
        seen.after.restore(&setting.new_name(), setting.before);
    }
}

/// The domain's temporary files that can be removed, if a killed process left the lock file.
fn temporaries_of_killed(setting: &Setting<'_>) -> Vec<Vec<u8>> {
    if !matches!(setting.lock(), Some(Node::File(..))) {
        return Vec::new();
    }
    setting
        .of_domain()
        .filter(|(_, kind, node)| matches!(kind, b'n' | b't') && **node != Node::Directory)
        .map(|(name, _, _)| name)
        .collect()
}

pub(crate) fn temporaries_of_killed_removed(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.is_store() || setting.is_removal() {
        for name in temporaries_of_killed(setting) {
            seen.after.remove(&name);
        }
    }
}

pub(crate) fn mark_with_bytes_removed(setting: &Setting<'_>, seen: &mut Seen) {
    let mark = setting.name(b'c', LOCK);
    let changes = setting.is_store() || setting.is_removal();
    let locks = changes && setting.domain.is_some() && !lock_is_directory(setting);
    match setting.before.get(&mark) {
        Some(Node::File(_, bytes)) if locks && !bytes.is_empty() => seen.after.remove(&mark),
        _ => {}
    }
}

pub(crate) fn nothing_to_remove(setting: &Setting<'_>, seen: &mut Seen) {
    let answers = [Answer::Code(2), Answer::Failed];
    if setting.is_removal() && setting.data().is_none() && answers.contains(&seen.answer) {
        seen.answer = Answer::NothingToRemove;
    }
}

pub(crate) fn positive_code(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.is_removal() && matches!(seen.answer, Answer::Code(1..)) {
        seen.answer = Answer::Failed;
    }
}

pub(crate) fn reading_without_lock(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.is_retrieve() && setting.domain.is_some() {
        seen.after = setting.before.clone();
        if seen.answer == Answer::LockFailed {
            seen.answer = match setting.data() {
                None => Answer::NoValue,
                Some(Node::File(_, bytes)) if !bytes.is_empty() => Answer::Value(bytes.clone()),
                _ => Answer::Failed,
            };
        }
    }
}

pub(crate) fn pipe_is_not_waited_for(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.is_retrieve() && seen.answer == Answer::Waits {
        seen.answer = Answer::Failed;
    }
}

pub(crate) fn link_not_followed(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.is_retrieve() && matches!(setting.data(), Some(Node::Link(_))) {
        seen.answer = Answer::Failed;
    }
}

pub(crate) fn size_limit(setting: &Setting<'_>, seen: &mut Seen) {
    let over = |bytes: &[u8]| bytes.len() > value_max(setting);
    match (setting.stored(), setting.data()) {
        (Some(data), _) if over(data) && setting.domain.is_some() => {
            seen.refuse(setting, Answer::Failed)
        }
        (None, Some(Node::File(_, bytes))) if setting.is_retrieve() && over(bytes) => {
            seen.answer = Answer::Failed;
        }
        _ => {}
    }
}

/// Whether libxl gets as far as removing the domain's files.
fn cleared(setting: &Setting<'_>) -> bool {
    setting.is_destroy() && setting.domain.is_some() && !lock_is_directory(setting)
}

pub(crate) fn lock_word_is_removed(setting: &Setting<'_>, seen: &mut Seen) {
    if cleared(setting) {
        for (name, kind, node) in setting.of_domain() {
            let has_word = name.windows(LOCK.len()).any(|part| part == LOCK);
            if kind.is_ascii_alphabetic() && has_word && *node != Node::Directory {
                seen.after.remove(&name);
            }
        }
    }
}

pub(crate) fn kind_is_a_letter(setting: &Setting<'_>, seen: &mut Seen) {
    if cleared(setting) {
        for (name, kind, _) in setting.of_domain() {
            if !kind.is_ascii_alphabetic() {
                seen.after.restore(&name, setting.before);
            }
        }
    }
}

pub(crate) fn link_to_directory_is_removed(setting: &Setting<'_>, seen: &mut Seen) {
    if cleared(setting) {
        for (name, kind, node) in setting.of_domain() {
            if kind.is_ascii_alphabetic() && *node == Node::Link(b".".to_vec()) {
                seen.after.remove(&name);
            }
        }
    }
}

pub(crate) fn qemu_files_are_not_ours(setting: &Setting<'_>, seen: &mut Seen) {
    if cleared(setting) {
        for start in ["qemu-save", "qemu-resume"] {
            let name = format!("{start}.{}", setting.call.domid());
            seen.after.restore(name.as_bytes(), setting.before);
        }
    }
}

pub(crate) fn destroy_reports(setting: &Setting<'_>, seen: &mut Seen) {
    let marker = setting.name(b'c', LOCK);
    let is_problem = |(name, kind, node): (Vec<u8>, u8, &Node)| match node {
        Node::Directory => kind.is_ascii_alphabetic(),
        Node::Pipe | Node::Link(_) => name == marker,
        _ => false,
    };
    if cleared(setting) && setting.of_domain().any(is_problem) {
        seen.answer = Answer::DoneWithProblems;
    }
}

pub(crate) fn leaving_is_refused(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.is_store() && setting.stage() == Some(Stage::Leaving) {
        let too_large = setting
            .stored()
            .is_some_and(|data| data.len() > value_max(setting));
        let lock = matches!(setting.lock(), None | Some(Node::File(..)));
        if lock && !too_large {
            seen.refuse(setting, Answer::BeingDestroyed);
            // No process held the lock file, so this library took it over and released it.
            seen.after.remove(&setting.lock_name());
            for name in temporaries_of_killed(setting) {
                seen.after.remove(&name);
            }
        }
    }
}

pub(crate) fn lock_must_be_a_file(setting: &Setting<'_>, seen: &mut Seen) {
    let too_large = setting
        .stored()
        .is_some_and(|data| data.len() > value_max(setting));
    if !matches!(setting.lock(), Some(Node::Pipe | Node::Link(_))) || too_large {
        return;
    }
    if setting.is_destroy() {
        seen.refuse(setting, Answer::DoneWithProblems);
    } else if !setting.is_retrieve() {
        seen.refuse(setting, Answer::LockFailed);
    }
}

pub(crate) fn destroy_without_lock(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.is_destroy() && setting.domain.is_some() && lock_is_directory(setting) {
        seen.refuse(setting, Answer::DoneWithProblems);
    }
}

pub(crate) fn no_such_domain(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.domain.is_none() && seen.answer == Answer::LockFailed {
        seen.answer = Answer::NoSuchDomain;
    }
}

pub(crate) fn dead_is_gone(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.stage() == Some(Stage::Dead) {
        seen.refuse(setting, Answer::NoSuchDomain);
    }
}

pub(crate) fn lock_is_not_a_userid(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.broken_rule() == Some(Rule::Lock) {
        seen.refuse(setting, Answer::Refused);
    }
}

pub(crate) fn libxl_json_takes_consent(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.broken_rule() == Some(Rule::LibxlJson) {
        seen.refuse(setting, Answer::Refused);
    }
}

pub(crate) fn printable_userids(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.broken_rule() == Some(Rule::Characters) {
        seen.refuse(setting, Answer::Refused);
    }
}

pub(crate) fn short_userids(setting: &Setting<'_>, seen: &mut Seen) {
    let lives = matches!(setting.stage(), Some(Stage::Alive | Stage::Leaving));
    if lives && setting.data_name().len() > NAME_MAX {
        seen.refuse(setting, Answer::Failed);
    }
    if setting.broken_rule() == Some(Rule::Length) {
        seen.refuse(setting, Answer::Refused);
    }
}

pub(crate) fn no_slash(setting: &Setting<'_>, seen: &mut Seen) {
    if setting.broken_rule() == Some(Rule::Slash) {
        seen.refuse(setting, Answer::Refused);
    }
}

pub(crate) fn no_negative_length(setting: &Setting<'_>, seen: &mut Seen) {
    if matches!(setting.call, Call::StoreNegative { .. }) {
        seen.refuse(setting, Answer::Inexpressible);
    }
}
