//! The ahead-of-time engine where the compiler refuses what is unstable.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use myelin_hdl::{Design, Module, module, mux, s, u};
use myelin_sim::{Engine, PowerUp, Simulator};

/// Passes on what does not ask for unstable features.
const REFUSING: &str = "#!/bin/sh
[ -z \"$RUSTC_BOOTSTRAP\" ] || { echo 'no unstable features here' >&2; exit 1; }
exec rustc \"$@\"
";

/// A lane with a neighbour, a memory and a check.
fn element() -> Arc<Module> {
    module("element", |m| {
        let (left, write) = (m.input("left_i", s(11)), m.input("write_i", u(1)));
        let sum = m.register("sum_q", s(11)).reset(1);
        sum.next(mux(write, left.wrapping_add(sum.q), left));
        let words = m.memory("words", 4, 1, s(11));
        words.write(left.slice(0, 2), write, &[sum.q]);
        let word = words.read(sum.q.slice(1, 2), !write)[0];
        m.assert("is_rarely_seven", word.ne(7));
        m.output("right_o", m.delay("right_q", sum.q.wrapping_add(word)));
    })
}

fn row(elements: usize) -> Design {
    let element = element();
    Design::new(module("row", |m| {
        let mut value = m.input("value_i", s(11));
        let write = m.input("write_i", u(1));
        for index in 0..elements {
            let instance = m.instance(&format!("element_{index}"), &element);
            instance.input("left_i", value).input("write_i", write);
            value = instance.output("right_o");
        }
        m.output("value_o", m.delay_by("late", value, 9));
    }))
    .unwrap()
}

#[test]
fn computes_the_same_without_unstable_vectors() {
    let folder = tempfile::tempdir().unwrap();
    let compiler = folder.path().join("rustc");
    std::fs::write(&compiler, REFUSING).unwrap();
    std::fs::set_permissions(&compiler, std::fs::Permissions::from_mode(0o755)).unwrap();
    // SAFETY: the only test of this process; nothing else reads the environment now.
    unsafe {
        std::env::set_var("RUSTC", &compiler);
        std::env::set_var("MYELIN_CACHE_DIR", folder.path().join("cache"));
    }
    let design = row(20);
    let mut sims = [Engine::AheadOfTime, Engine::Interpreted].map(|engine| {
        Simulator::builder(&design).engine(engine).power_up(PowerUp::Random { seed: 5 }).build().unwrap()
    });
    let made = std::fs::read_dir(folder.path().join("cache")).unwrap();
    assert_eq!(made.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "so")).count(), 1);
    for cycle in 0..400_u64 {
        let seen = sims.each_mut().map(|sim| {
            let (value, write, output) =
                (sim.input("value_i").unwrap(), sim.input("write_i").unwrap(), sim.output("value_o").unwrap());
            sim.poke(value, cycle.wrapping_mul(0x9e37_79b9) >> 7 & 0x7ff);
            sim.poke(write, cycle / 3 % 2);
            (sim.peek(output), sim.step().map_err(|failure| failure.path))
        });
        assert_eq!(seen[0], seen[1], "cycle {cycle}");
    }
    let [ahead, reference] = sims.map(|sim| sim.checkpoint());
    assert_eq!(ahead, reference);
}
