//! Waves in both formats, windows, waves around failures, coverage, forks, missing resets: on all engines.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use myelin_hdl::{Design, Module, module, mux, u};
use myelin_sim::random::SplitMix64;
use myelin_sim::{
    Engine, FailureTrace, FailureWaves, PowerUp, ResetSearch, SimError, Simulator, WaveFormat, Waves,
    find_missing_resets,
};
use wellen::simple::{Waveform, read};

const ENGINES: [Engine; 3] = [Engine::Compiled, Engine::AheadOfTime, Engine::Interpreted];
const FORMATS: [(WaveFormat, &str); 2] = [(WaveFormat::Vcd, "vcd"), (WaveFormat::Fst, "fst")];

fn stage() -> Arc<Module> {
    module("stage", |m| {
        let value = m.input("value_i", u(8));
        let held = m.register("held_q", u(8)).reset(0);
        held.next(value);
        m.cover("is_odd", held.q.slice(0, 1));
        m.output("held_o", held.q);
    })
}

/// A chain of five stages that counts what leaves it; 200 may never leave.
fn chain() -> Design {
    let stage = stage();
    Design::new(module("chain", |m| {
        let mut value = m.input("value_i", u(8));
        for index in 0..5 {
            let instance = m.instance(&format!("stage_{index}"), &stage);
            instance.input("value_i", value);
            value = instance.output("held_o");
        }
        let count = m.register("count_q", u(40)).reset(0);
        count.next(count.q.wrapping_add(1));
        let words = m.memory("words", 4, 1, u(8));
        words.write(count.q.slice(0, 2), m.constant(u(1), 1), &[value]);
        m.output("word_o", words.read(m.constant(u(2), 1), m.constant(u(1), 1))[0]);
        m.assert("two_hundred_never_leaves", value.ne(200));
        m.output("value_o", value);
        m.output("count_o", count.q);
    }))
    .unwrap()
}

fn simulator(design: &Design, engine: Engine) -> Simulator {
    Simulator::builder(design).engine(engine).build().unwrap()
}

/// All bits of a variable at the start of each cycle of `cycles`.
fn bits(waves: &mut Waveform, path: &[&str], name: &str, cycles: std::ops::Range<u64>) -> Vec<String> {
    let hierarchy = waves.hierarchy();
    let var = hierarchy.lookup_var(path, name).unwrap_or_else(|| panic!("no {name} in {path:?}"));
    let signal = hierarchy[var].signal_ref();
    waves.load_signals(&[signal]);
    let times = waves.time_table().to_vec();
    let changes: BTreeMap<u64, String> = waves
        .get_signal(signal)
        .unwrap()
        .iter_changes()
        .map(|(index, value)| (times[index as usize], value.to_bit_string().unwrap()))
        .collect();
    let at = |cycle: u64| changes.range(..=10 * cycle).next_back().map_or(String::new(), |(_, bits)| bits.clone());
    cycles.map(at).collect()
}

fn full_names(waves: &Waveform) -> Vec<String> {
    let hierarchy = waves.hierarchy();
    hierarchy.all_vars().map(|var| hierarchy[var].full_name(hierarchy)).collect()
}

/// Drives random values; what `stage_3` holds in each cycle from 1 on, in bits.
fn drive(sim: &mut Simulator, cycles: u64) -> Vec<String> {
    let input = sim.input("value_i").unwrap();
    let register = sim.register("chain.stage_3.held_q").unwrap();
    let mut random = SplitMix64::new(5);
    sim.reset(1).unwrap();
    let mut held = Vec::new();
    for _ in 0..cycles {
        held.push(format!("{:08b}", sim.peek_register(register)));
        sim.poke(input, random.bits() % 200);
        sim.step().unwrap();
    }
    held
}

#[test]
fn both_formats_show_the_same_values_under_the_same_names() {
    let folder = tempfile::tempdir().unwrap();
    let design = chain();
    for engine in ENGINES {
        let mut names = Vec::new();
        for (format, extension) in FORMATS {
            let path = folder.path().join(format!("waves.{extension}"));
            let mut sim = simulator(&design, engine);
            sim.trace(Waves::create(&path, format).unwrap()).unwrap();
            let held = drive(&mut sim, 300);
            sim.stop_trace().unwrap();
            let mut waves = read(&path).unwrap();
            let shown = bits(&mut waves, &["chain", "stage", "stage_3"], "held_q", 1..301);
            assert_eq!(shown, held, "{engine:?} {format:?}");
            let counted = bits(&mut waves, &["chain"], "count_q", 1..301);
            assert_eq!(counted, (0..300).map(|count| format!("{count:040b}")).collect::<Vec<_>>());
            assert_eq!(bits(&mut waves, &["chain"], "rst_ni", 0..3), ["0", "1", "1"]);
            assert_eq!(*waves.time_table().last().unwrap(), 3020);
            names.push(full_names(&waves));
        }
        assert_eq!(names[0], names[1]);
        assert!(names[0].contains(&"chain.stage.stage_4.value_i".to_owned()), "{:?}", names[0]);
    }
}

/// A grid of 4 rows of 5 stages, each row a chain, under a top that holds nothing else.
fn grid() -> Design {
    let stage = stage();
    Design::new(module("grid", |m| {
        let input = m.input("value_i", u(8));
        for row in 0..4 {
            let mut value = input;
            for column in 0..5 {
                let instance = m.instance(&format!("stage_{row}_{column}"), &stage);
                instance.input("value_i", value);
                value = instance.output("held_o");
            }
            m.output(&format!("value_{row}_o"), value);
        }
    }))
    .unwrap()
}

#[test]
fn rows_of_a_grid_are_folded_and_names_of_one_value_agree() {
    let folder = tempfile::tempdir().unwrap();
    for (format, extension) in FORMATS {
        let path = folder.path().join(format!("waves.{extension}"));
        let mut sim = simulator(&grid(), Engine::Compiled);
        sim.trace(Waves::create(&path, format).unwrap()).unwrap();
        let input = sim.input("value_i").unwrap();
        for cycle in 0..100 {
            sim.poke(input, cycle * 7 % 256);
            sim.step().unwrap();
        }
        sim.stop_trace().unwrap();
        let mut waves = read(&path).unwrap();
        let place = |column: u32| ["grid", "stage", "stage_2", &format!("stage_2_{column}")].map(str::to_owned);
        let mut at = |column, name: &str| {
            let path = place(column);
            bits(&mut waves, &path.each_ref().map(String::as_str), name, 0..100)
        };
        let held = at(1, "held_q");
        let expected: Vec<String> =
            (0..100_u64).map(|cycle| format!("{:08b}", cycle.saturating_sub(2) * 7 % 256)).collect();
        assert_eq!(held, expected, "{format:?}");
        assert_eq!(at(1, "held_o"), held);
        assert_eq!(at(2, "value_i"), held);
        // They are one signal of the file.
        let hierarchy = waves.hierarchy();
        let signal = |column, name| {
            let path = place(column);
            hierarchy[hierarchy.lookup_var(&path.each_ref().map(String::as_str), name).unwrap()].signal_ref()
        };
        assert_eq!(signal(1, "held_q"), signal(2, "value_i"), "{format:?}");
        assert_ne!(signal(1, "held_q"), signal(2, "held_q"), "{format:?}");
    }
}

#[test]
fn a_trace_of_registers_shows_neither_ports_nor_wires() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("waves.fst");
    for engine in ENGINES {
        let mut sim = simulator(&chain(), engine);
        sim.trace(Waves::create(&path, WaveFormat::Fst).unwrap().registers_only()).unwrap();
        let held = drive(&mut sim, 200);
        sim.stop_trace().unwrap();
        let mut waves = read(&path).unwrap();
        let mut names = full_names(&waves);
        names.sort();
        let stages = (0..5).map(|index| format!("chain.stage.stage_{index}.held_q"));
        let mut expected: Vec<String> = stages.collect();
        expected.extend(["clk_i", "count_q", "rst_ni"].map(|name| format!("chain.{name}")));
        expected.sort();
        assert_eq!(names, expected);
        assert_eq!(bits(&mut waves, &["chain", "stage", "stage_3"], "held_q", 1..201), held, "{engine:?}");
    }
}

#[test]
fn every_engine_writes_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for (format, extension) in FORMATS {
        let files = ENGINES.map(|engine| {
            let path = folder.path().join(format!("waves.{extension}"));
            let mut sim = simulator(&chain(), engine);
            sim.trace(Waves::create(&path, format).unwrap()).unwrap();
            drive(&mut sim, 500);
            sim.stop_trace().unwrap();
            std::fs::read(&path).unwrap()
        });
        assert!(files[0] == files[1] && files[1] == files[2], "{format:?}");
    }
}

#[test]
fn coverage_that_begins_during_a_trace_leaves_no_mark_in_it() {
    let folder = tempfile::tempdir().unwrap();
    for engine in ENGINES {
        for (format, extension) in FORMATS {
            let files = [false, true].map(|covered| {
                let path = folder.path().join(format!("waves.{extension}"));
                let mut sim = simulator(&chain(), engine);
                let scopes = ["chain.stage_3", "chain.stage_4"];
                sim.trace(Waves::create(&path, format).unwrap().scopes(&scopes).window(10..190)).unwrap();
                drive(&mut sim, 100);
                if covered {
                    sim.cover_toggles(&["chain.stage_0"]).unwrap();
                }
                sim.steps(50).unwrap();
                if covered {
                    sim.cover_toggles(&[]).unwrap();
                }
                drive(&mut sim, 50);
                sim.stop_trace().unwrap();
                std::fs::read(&path).unwrap()
            });
            assert_eq!(files[0].len(), files[1].len(), "{engine:?} {format:?}");
            assert!(files[0] == files[1], "{engine:?} {format:?}");
        }
    }
}

#[test]
fn few_instances_are_no_array_and_chosen_scopes_are_alone() {
    let folder = tempfile::tempdir().unwrap();
    let design = chain();
    for (format, extension) in FORMATS {
        let path = folder.path().join(format!("waves.{extension}"));
        let mut sim = simulator(&design, Engine::Compiled);
        let scopes = ["chain.stage_1", "chain.stage_2"];
        sim.trace(Waves::create(&path, format).unwrap().scopes(&scopes)).unwrap();
        drive(&mut sim, 3);
        drop(sim);
        let names = full_names(&read(&path).unwrap());
        let in_scope = |name: &&String| name.starts_with("chain.stage_1.") || name.starts_with("chain.stage_2.");
        assert_eq!(names.iter().filter(in_scope).count(), names.len() - 2, "{names:?}");
    }
}

#[test]
fn a_window_shows_its_cycles_only() {
    let folder = tempfile::tempdir().unwrap();
    let design = chain();
    for engine in ENGINES {
        for (format, extension) in FORMATS {
            let path = folder.path().join(format!("waves.{extension}"));
            let mut sim = simulator(&design, engine);
            sim.trace(Waves::create(&path, format).unwrap().window(100..120)).unwrap();
            sim.steps(50).unwrap();
            sim.steps(500).unwrap();
            sim.stop_trace().unwrap();
            let mut waves = read(&path).unwrap();
            let counted = bits(&mut waves, &["chain"], "count_q", 100..120);
            assert_eq!(counted, (100..120).map(|count| format!("{count:040b}")).collect::<Vec<_>>(), "{engine:?}");
            let times = waves.time_table();
            assert!(times.iter().all(|&time| time == 0 || (1000..=1200).contains(&time)), "{times:?}");
            assert_eq!(times.last(), Some(&1200));
        }
    }
}

#[test]
fn a_window_that_is_never_reached_leaves_a_readable_file() {
    let folder = tempfile::tempdir().unwrap();
    for (format, extension) in FORMATS {
        let path = folder.path().join(format!("waves.{extension}"));
        let mut sim = simulator(&chain(), Engine::Compiled);
        sim.trace(Waves::create(&path, format).unwrap().window(100..120)).unwrap();
        sim.steps(20).unwrap();
        sim.stop_trace().unwrap();
        let mut waves = read(&path).unwrap();
        let names = full_names(&waves);
        assert!(names.contains(&"chain.count_q".to_owned()), "{format:?}: {names:?}");
        let shown = bits(&mut waves, &["chain"], "count_q", 0..3).concat();
        assert!(!shown.contains(['0', '1']), "{format:?}: {shown}");
    }
}

/// Runs until the assertion fails, at the cycle after `quiet` and the way through the chain.
fn fail(sim: &mut Simulator, quiet: u64) -> myelin_sim::CheckFailure {
    let input = sim.input("value_i").unwrap();
    sim.reset(1).unwrap();
    for cycle in 0..quiet {
        sim.poke(input, cycle % 199);
        sim.step().unwrap();
    }
    sim.poke(input, 200);
    sim.steps(100).unwrap_err()
}

#[test]
fn a_failing_assertion_comes_with_the_waves_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let design = chain();
    for engine in ENGINES {
        // In the first segment, just after a checkpoint, and far from one.
        for quiet in [30, 16_384, if engine == Engine::Interpreted { 20_000 } else { 40_000 }] {
            let path = folder.path().join("failure.fst");
            let mut sim = simulator(&design, engine);
            sim.keep_failure_waves(FailureTrace::to(&path).cycles(20)).unwrap();
            let failure = fail(&mut sim, quiet);
            let cycle = 1 + quiet + 5;
            assert_eq!(failure.cycle, cycle);
            let first_cycle = cycle - 19;
            assert_eq!(*failure.waves, FailureWaves::Written { path: path.clone(), first_cycle, last_cycle: cycle });
            let text = failure.to_string();
            assert!(text.contains("chain.two_hundred_never_leaves failed at cycle"), "{text}");
            assert!(text.contains("failure.fst"), "{text}");

            let mut waves = read(&path).unwrap();
            let counted = bits(&mut waves, &["chain"], "count_q", first_cycle..cycle + 2);
            let expected: Vec<String> = (first_cycle - 1..cycle + 1).map(|count| format!("{count:040b}")).collect();
            assert_eq!(counted, expected, "{engine:?}");
            let left = bits(&mut waves, &["chain"], "value_o", first_cycle..cycle + 1);
            let fed = |at: u64| if at > quiet { 200 } else { (at - 1) % 199 };
            let expected: Vec<String> = (first_cycle..=cycle).map(|at| format!("{:08b}", fed(at - 5))).collect();
            assert_eq!(left, expected, "{engine:?} {quiet}");
            let input = bits(&mut waves, &["chain"], "value_i", first_cycle..cycle + 1);
            assert_eq!(input[19], format!("{:08b}", 200));
        }
    }
}

#[test]
fn writing_failure_waves_disturbs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let design = chain();
    for engine in ENGINES {
        let mut plain = simulator(&design, engine);
        let mut kept = simulator(&design, engine);
        kept.keep_failure_waves(FailureTrace::to(folder.path().join("failure.vcd")).scopes(&["chain.stage_0"]))
            .unwrap();
        let own = folder.path().join("own.vcd");
        kept.trace(Waves::create(&own, WaveFormat::Vcd).unwrap()).unwrap();
        kept.cover_toggles(&["chain"]).unwrap();
        for sim in [&mut plain, &mut kept] {
            let memory = sim.memory("chain.words").unwrap();
            let register = sim.register("chain.count_q").unwrap();
            sim.reset(1).unwrap();
            sim.step().unwrap();
            sim.memory_write(memory, 3, 0, 77);
            sim.poke_register(register, 1 << 33);
            fail(sim, 200);
        }
        assert_eq!(plain.checkpoint(), kept.checkpoint(), "{engine:?}");
        // The second failure has no waves: the first has them.
        assert_eq!(*kept.step().unwrap_err().waves, FailureWaves::NotKept);
        kept.stop_trace().unwrap();
        let mut waves = read(&own).unwrap();
        let cycles = kept.cycle();
        let last = bits(&mut waves, &["chain"], "value_o", cycles - 1..cycles);
        assert_eq!(last, [format!("{:08b}", 200)]);
        assert_eq!(kept.coverage().cycles, cycles - 2);
    }
}

#[test]
fn failure_waves_that_cannot_be_written_do_not_hide_the_failure() {
    let mut sim = simulator(&chain(), Engine::Compiled);
    sim.keep_failure_waves(FailureTrace::to("/nowhere/at/all.fst")).unwrap();
    let failure = fail(&mut sim, 10);
    assert!(matches!(*failure.waves, FailureWaves::NotWritten { .. }));
    let text = failure.to_string();
    assert!(text.contains("two_hundred_never_leaves") && text.contains("/nowhere/at/all.fst"), "{text}");
}

#[test]
fn toggle_coverage_names_the_bits_that_never_moved() {
    let design = chain();
    for engine in ENGINES {
        let mut sim = simulator(&design, engine);
        let input = sim.input("value_i").unwrap();
        sim.cover_toggles(&[]).unwrap();
        sim.reset(1).unwrap();
        // Bit 0 rises and falls, bit 1 rises and stays.
        for value in [1, 0, 2, 2, 2, 2] {
            sim.poke(input, value);
            sim.step().unwrap();
        }
        let coverage = sim.coverage();
        assert_eq!(coverage.cycles, 6);
        let stage = coverage.registers.iter().find(|register| register.path == "chain.stage_1.held_q").unwrap();
        assert_eq!((stage.never_rose, stage.never_fell), (0b1111_1100, 0b1111_1110), "{engine:?}");
        assert_eq!(stage.toggled_bits(), 1);
        // 0 to 6: bit 0 and 1 rise and fall, bit 2 rises only.
        let count = coverage.registers.iter().find(|register| register.path == "chain.count_q").unwrap();
        assert_eq!((count.never_rose, count.never_fell), ((1 << 40) - 8, (1 << 40) - 4));
        assert_eq!((coverage.bits(), coverage.covers_met(), coverage.covers.len()), (80, 5, 5));
        let text = coverage.to_string();
        assert!(text.contains("chain.stage_*.held_q"), "{text}");
        assert!(text.contains("7:2"), "{text}");
        let json = serde_json::to_value(&coverage).unwrap();
        assert_eq!(json["registers"][1]["never_rose"], serde_json::json!([2, 3, 4, 5, 6, 7]));
        assert_eq!(json["covers"][0]["path"], "chain.stage_0.is_odd");
    }
}

#[test]
fn toggles_of_a_scope_leave_the_rest_out_and_a_restore_is_no_toggle() {
    let design = chain();
    for engine in ENGINES {
        let mut sim = simulator(&design, engine);
        let input = sim.input("value_i").unwrap();
        sim.reset(1).unwrap();
        let zero = sim.checkpoint();
        sim.poke(input, 255 >> 1);
        sim.step().unwrap();
        sim.cover_toggles(&["chain.stage_0"]).unwrap();
        sim.step().unwrap();
        sim.restore(&zero).unwrap();
        let coverage = sim.coverage();
        assert_eq!(coverage.registers.len(), 1);
        assert_eq!((coverage.registers[0].never_rose, coverage.registers[0].never_fell), (255, 255));
    }
}

#[test]
fn toggles_are_kept_while_traces_begin_and_end() {
    let folder = tempfile::tempdir().unwrap();
    for engine in ENGINES {
        let reports = [false, true].map(|traced| {
            let mut sim = simulator(&chain(), engine);
            sim.cover_toggles(&["chain.stage_2", "chain.stage_4"]).unwrap();
            for turn in 0..4 {
                if traced && turn % 2 == 1 {
                    let path = folder.path().join("waves.fst");
                    sim.trace(Waves::create(&path, WaveFormat::Fst).unwrap()).unwrap();
                }
                drive(&mut sim, 3);
                sim.stop_trace().unwrap();
            }
            sim.coverage()
        });
        assert!(reports[0].toggled_bits() > 0);
        assert_eq!(reports[0], reports[1], "{engine:?}");
    }
}

#[test]
fn a_fork_goes_its_own_way() {
    let design = chain();
    for engine in ENGINES {
        let mut sim = simulator(&design, engine);
        let (input, output) = (sim.input("value_i").unwrap(), sim.output("value_o").unwrap());
        sim.reset(1).unwrap();
        sim.poke(input, 9);
        sim.steps(3).unwrap();
        let mut fork = sim.fork().unwrap();
        assert_eq!(fork.checkpoint(), sim.checkpoint());
        fork.poke(input, 7);
        fork.steps(5).unwrap();
        assert_eq!((fork.peek(output), fork.cycle(), sim.cycle()), (7, 9, 4));
        sim.steps(5).unwrap();
        assert_eq!(sim.peek(output), 9, "{engine:?}");
    }
}

#[test]
fn forks_are_observed_each_by_itself_and_run_on_other_threads() {
    let design = chain();
    for engine in ENGINES {
        let folder = tempfile::tempdir().unwrap();
        let mut sim = simulator(&design, engine);
        let (input, output) = (sim.input("value_i").unwrap(), sim.output("value_o").unwrap());
        sim.reset(1).unwrap();
        let runs = ["chain.stage_0", "chain.stage_4"].map(|scope| {
            let (mut fork, path) = (sim.fork().unwrap(), folder.path().join(format!("{scope}.fst")));
            std::thread::spawn(move || {
                fork.trace(Waves::create(&path, WaveFormat::Fst).unwrap().scopes(&[scope])).unwrap();
                fork.cover_toggles(&[scope]).unwrap();
                let seen: Vec<u64> = (1..20)
                    .map(|value| {
                        fork.poke(input, value);
                        fork.step().unwrap();
                        fork.peek(output)
                    })
                    .collect();
                fork.stop_trace().unwrap();
                (seen, fork.coverage().registers, std::fs::metadata(path).unwrap().len())
            })
        });
        // The first goes on meanwhile, and watches something else again.
        sim.cover_toggles(&["chain"]).unwrap();
        sim.steps(20).unwrap();
        assert_eq!(sim.peek(output), 0);
        let [(first, toggles, bytes), (second, others, _)] = runs.map(|run| run.join().unwrap());
        assert_eq!(first, second, "{engine:?}");
        assert_eq!(first[8], 5, "{engine:?}: {first:?}");
        assert!(toggles[0].path.starts_with("chain.stage_0") && others[0].path.starts_with("chain.stage_4"));
        assert!(bytes > 0);
    }
}

/// A counter with an enable; `reset` says whether it is reset.
fn counter(reset: bool) -> Design {
    Design::new(module("counter", |m| {
        let enable = m.input("enable_i", u(1));
        let count = m.register("count_q", u(8));
        let count = if reset { count.reset(0) } else { count };
        count.next(mux(enable, count.q.wrapping_add(1), count.q));
        let seen = m.register("seen_q", u(1)).reset(0);
        seen.next(enable);
        let payload = m.register("payload_q", u(8));
        payload.next(count.q);
        m.output("count_o", count.q);
        m.output("seen_o", seen.q);
    }))
    .unwrap()
}

#[test]
fn a_missing_reset_is_found_and_data_without_reset_is_not_blamed() {
    let search = ResetSearch::default();
    let clean = find_missing_resets(&counter(true), &search).unwrap();
    assert!(clean.is_clean());
    // It takes what the counter was reset to.
    assert!(clean.registers.is_empty(), "{:?}", clean.registers);
    let missing = find_missing_resets(&counter(false), &search).unwrap();
    assert!(!missing.is_clean());
    let output = missing.output.unwrap();
    assert_eq!((output.path.as_str(), output.cycle), ("counter.count_o", 0));
    assert_ne!(output.bits[0], output.bits[1]);
    let registers: Vec<&str> = missing.registers.iter().map(|register| register.path.as_str()).collect();
    assert_eq!(registers, ["counter.count_q", "counter.payload_q"]);
    // The power-up state follows from the seed.
    let same = ResetSearch { power_up_seeds: [4, 4], ..search };
    assert!(find_missing_resets(&counter(false), &same).unwrap().is_clean());
}

#[test]
fn scopes_that_do_not_exist_are_errors_with_the_names_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut sim = Simulator::builder(&chain()).power_up(PowerUp::Random { seed: 1 }).build().unwrap();
    let waves = Waves::create(&folder.path().join("waves.fst"), WaveFormat::of(Path::new("waves.fst"))).unwrap();
    let error = sim.trace(waves.scopes(&["chain.stage_7"])).unwrap_err();
    assert!(matches!(error, SimError::NotFound { .. }) && error.to_string().contains("stage_4"), "{error}");
    assert!(sim.cover_toggles(&["stage_1"]).is_err());
    assert!(sim.keep_failure_waves(FailureTrace::to("x.fst").scopes(&["chain.none"])).is_err());
}
