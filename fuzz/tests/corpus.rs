//! Replays the committed corpus through every target, on any compiler, and checks that each input
//! means what it was committed for.

use std::fs;
use std::path::Path;

use userdata_fuzz::TARGETS;

#[test]
fn every_input_of_the_corpus_passes_its_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, target) in TARGETS {
        let inputs: Vec<_> = fs::read_dir(corpus.join(name))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert!(inputs.len() >= 3, "{name} has only {} inputs", inputs.len());
        for input in inputs {
            target(&fs::read(input.path()).unwrap());
        }
    }
}

#[test]
fn every_target_has_a_wrapper_of_its_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrappers: Vec<String> = fs::read_dir(root.join("fuzz_targets"))
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    wrappers.sort();
    let names: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(wrappers, names);
}
