//! The project is the same wherever it lies.

use super::finding::Finding;
use super::texts::Texts;

/// Folders of one machine, without their leading slash: this file is read by its own rule.
const FOLDERS: [&str; 4] = ["work", "tmp/wt", "root", "home"];

/// No absolute path into a home or workplace, and nothing beside the project's own folder.
pub(crate) fn no_path_of_one_machine(texts: &Texts) -> Vec<Finding> {
    let beside = ["..", "shared"].join("/");
    let mut found = Vec::new();
    for text in texts.all() {
        for (number, line) in text.lines() {
            let absolute = FOLDERS
                .into_iter()
                .find(|folder| holds_absolute(line, folder));
            found.extend(absolute.map(|folder| {
                Finding::at(
                    &text.path,
                    number,
                    format!("a path of one machine, /{folder}"),
                )
            }));
            if line.contains(&beside) {
                let what = format!("{beside} is not part of the project");
                found.push(Finding::at(&text.path, number, what));
            }
        }
    }
    found
}

/// Does an absolute path in this line begin with `folder`?
fn holds_absolute(line: &str, folder: &str) -> bool {
    let path = format!("/{folder}");
    line.match_indices(&path).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        let after = line
            .get(at + path.len()..)
            .and_then(|after| after.chars().next());
        let continued = |c: char| c.is_alphanumeric() || "_.-~})/".contains(c);
        let longer = |c: char| c.is_alphanumeric() || "_-".contains(c);
        !before.is_some_and(continued) && !after.is_some_and(longer)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_one_machine_is_found() {
        for folder in FOLDERS {
            let source = format!("fine\nopen(\"/{folder}/x\")\n");
            let found = no_path_of_one_machine(&Texts::of(&[("a.rs", &source)]));
            let what = format!("a path of one machine, /{folder}");
            assert_eq!(found, [Finding::at("a.rs", 2, what)]);
        }
    }

    #[test]
    fn a_path_beside_the_project_is_found() {
        let source = format!("cp {}/{}/a .\n", "..", "shared");
        assert_eq!(
            no_path_of_one_machine(&Texts::of(&[("a.sh", &source)])).len(),
            1
        );
    }

    #[test]
    fn relative_and_longer_paths_pass() {
        let source = "build/work/x ./root $DIR/home {dir}/root /homes /rootfs /workshop ../home\n";
        assert_eq!(no_path_of_one_machine(&Texts::of(&[("a.sh", source)])), []);
    }
}
