#![allow(missing_docs, clippy::all)]
use std::time::Instant;
use userdata_bench::crowd::*;
use userdata_bench::sweeping::*;
use userdata_bench::taking_along::TakingAlong;
fn main() {
    let d = std::path::PathBuf::from(std::env::args().nth(1).unwrap());
    if std::env::args().nth(2).is_some() {
        let t = Sweeping::fill(Crowd::of(20000), &d).unwrap();
        for _ in 0..20 {
            println!("{:?}", t.dry_run().unwrap());
        }
        return;
    }
    let t = TakingAlong::open(&d).unwrap();
    let mut best = [f64::MAX; 4];
    for _ in 0..30 {
        let s = Instant::now();
        t.export().unwrap();
        best[0] = best[0].min(s.elapsed().as_secs_f64() * 1e3);
        best[1] = best[1].min(t.export_and_import().unwrap().as_secs_f64() * 1e3);
        best[2] = best[2].min(t.copy_bare().unwrap().as_secs_f64() * 1e3);
        best[3] = best[3].min(t.store_durably().unwrap().as_secs_f64() * 1e3);
    }
    println!(
        "export {:.1} both {:.1} bare {:.1} stores {:.1}",
        best[0], best[1], best[2], best[3]
    );
}
