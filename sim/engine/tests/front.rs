//! What the front promises, on both engines: names, edges, checks, covers, memories, waves, checkpoints.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{BufReader, Write};
use std::sync::{Arc, Mutex};

use myelin_hdl::{CheckKind, Design, Module, module, s, u};
use myelin_sim::{Engine, OutputSet, PowerUp, SimError, Simulator};

const ENGINES: [Engine; 2] = [Engine::Compiled, Engine::Interpreted];

fn stage() -> Arc<Module> {
    module("stage", |m| {
        let value = m.input("value_i", s(8));
        let held = m.register("held_q", s(8)).reset(-3);
        held.next(value);
        let doubled = (held.q + held.q).named("doubled");
        m.cover("is_positive", held.q.gt(0));
        m.assert("stays_below_100", held.q.lt(100));
        m.output("held_o", held.q);
        m.output("doubled_o", doubled);
    })
}

/// Three stages in a row and a memory of four words of two lanes.
fn pipeline() -> Design {
    let stage = stage();
    Design::new(module("pipeline", |m| {
        let mut value = m.input("value_i", s(8));
        let address = m.input("address_i", u(2));
        let write = m.input("write_i", u(1));
        for index in 0..3 {
            let instance = m.instance(&format!("stage_{index}"), &stage);
            instance.input("value_i", value);
            value = instance.output("held_o");
            if index == 2 {
                m.output("doubled_o", instance.output("doubled_o"));
            }
        }
        m.output("value_o", value);
        let memory = m.memory("words", 4, 2, s(8));
        memory.write(address, write, &[value, (value + 1).truncate(8)]);
        let read = memory.read(address, m.constant(u(1), 1));
        m.output("low_o", read[0]);
        m.output("high_o", read[1]);
    }))
    .unwrap()
}

fn simulator(design: &Design, engine: Engine) -> Simulator {
    Simulator::builder(design).engine(engine).build().unwrap()
}

#[test]
fn values_move_one_stage_per_edge() {
    let design = pipeline();
    for engine in ENGINES {
        let mut sim = simulator(&design, engine);
        let (input, output) = (sim.input("value_i").unwrap(), sim.output("value_o").unwrap());
        let doubled = sim.output("doubled_o").unwrap();
        sim.reset(2).unwrap();
        assert_eq!(sim.peek_signed(output), -3);
        for value in [5, -100, 7, 99] {
            sim.poke_signed(input, value);
            sim.step().unwrap();
        }
        assert_eq!(sim.cycle(), 6);
        assert_eq!(sim.peek_signed(output), -100, "{engine:?}");
        assert_eq!(sim.peek(output), 0x9c, "bits are zero above the width");
        assert_eq!(sim.peek_signed(doubled), -200);
    }
}

#[test]
fn outputs_read_together_are_those_read_one_by_one() {
    let design = pipeline();
    for engine in ENGINES {
        let mut sim = simulator(&design, engine);
        let input = sim.input("value_i").unwrap();
        // In no order of the ports, and one of them twice.
        let outputs = ["doubled_o", "low_o", "value_o", "doubled_o"].map(|name| sim.output(name).unwrap());
        let set: OutputSet = outputs.into_iter().collect();
        sim.reset(2).unwrap();
        for value in [5, -100, 7, 99, 0, 1] {
            let mut together = [u64::MAX; 4];
            sim.peek_all(&set, &mut together);
            assert_eq!(together, outputs.map(|output| sim.peek(output)), "{engine:?}");
            sim.poke_signed(input, value);
            sim.step().unwrap();
        }
    }
}

#[test]
#[should_panic(expected = "4 outputs into 3 places")]
fn outputs_without_places_are_refused() {
    let mut sim = simulator(&pipeline(), Engine::Interpreted);
    let output = sim.output("value_o").unwrap();
    sim.peek_all(&OutputSet::from_iter([output; 4]), &mut [0; 3]);
}

#[test]
fn wrong_names_are_errors_that_list_the_right_ones() {
    let sim = simulator(&pipeline(), Engine::Interpreted);
    let message = sim.input("valve_i").unwrap_err().to_string();
    assert!(message.contains("value_i, address_i, write_i"), "{message}");
    let message = sim.register("pipeline.stage_1.hold_q").unwrap_err().to_string();
    assert!(message.contains("held_q") && message.contains("pipeline.stage_1"), "{message}");
    let message = sim.register("pipeline.stage_9.held_q").unwrap_err().to_string();
    assert!(message.contains("stage_0, stage_1, stage_2"), "{message}");
    assert!(sim.register("held_q").is_err());
    assert!(sim.memory("pipeline.stage_1.words").is_err());
    let paths: Vec<String> = sim.hierarchy().collect();
    assert_eq!(paths, ["pipeline", "pipeline.stage_0", "pipeline.stage_1", "pipeline.stage_2"]);
}

#[test]
fn a_failed_assertion_names_itself_and_its_cycle() {
    let design = pipeline();
    for engine in ENGINES {
        let mut sim = simulator(&design, engine);
        let input = sim.input("value_i").unwrap();
        sim.reset(1).unwrap();
        sim.poke_signed(input, 100);
        sim.step().unwrap();
        sim.poke_signed(input, 1);
        let failure = sim.steps(10).unwrap_err();
        assert_eq!((failure.kind, failure.name.as_str()), (CheckKind::Assert, "stays_below_100"));
        assert_eq!((failure.path.as_str(), failure.cycle), ("pipeline.stage_0", 2), "{engine:?}");
        assert!(failure.location.file.ends_with("front.rs"));
        assert_eq!(sim.cycle(), 3, "the failing edge has happened");
        assert_eq!(sim.step().unwrap_err().path, "pipeline.stage_1");
        sim.set_reset(true);
        sim.step().expect("checks are off in reset");
    }
}

#[test]
fn covers_count_edges_out_of_reset() {
    let design = pipeline();
    for engine in [Engine::Compiled, Engine::AheadOfTime, Engine::Interpreted] {
        let mut sim = simulator(&design, engine);
        let input = sim.input("value_i").unwrap();
        sim.poke_signed(input, 1);
        sim.reset(3).unwrap();
        sim.steps(1000).unwrap();
        let covers = sim.covers();
        let counts: Vec<(&str, u64)> = covers.iter().map(|cover| (cover.path.as_str(), cover.hits)).collect();
        assert_eq!(
            counts,
            [
                ("pipeline.stage_0.is_positive", 999),
                ("pipeline.stage_1.is_positive", 998),
                ("pipeline.stage_2.is_positive", 997)
            ],
            "{engine:?}"
        );
    }
}

#[test]
fn registers_and_memories_have_a_back_door() {
    let design = pipeline();
    for engine in ENGINES {
        let mut sim = simulator(&design, engine);
        let register = sim.register("pipeline.stage_2.held_q").unwrap();
        sim.poke_register(register, 0xff);
        assert_eq!(sim.peek_register_signed(register), -1);
        let output = sim.output("doubled_o").unwrap();
        assert_eq!(sim.peek_signed(output), -2, "{engine:?}");
        let memory = sim.memory("pipeline.words").unwrap();
        sim.memory_write_words(memory, 1, &[1, 2, 3, 0x80]);
        let mut words = [0; 4];
        sim.memory_read_words(memory, 1, &mut words);
        assert_eq!(words, [1, 2, 3, 0x80]);
        let (address, write) = (sim.input("address_i").unwrap(), sim.input("write_i").unwrap());
        let high = sim.output("high_o").unwrap();
        sim.poke(address, 2);
        sim.poke(write, 1);
        sim.step().unwrap();
        assert_eq!(sim.peek_signed(high), -128, "a read sees what was there before the edge's write");
        assert_eq!((sim.memory_read(memory, 2, 0), sim.memory_read(memory, 2, 1)), (0xff, 0));
    }
}

#[test]
fn whole_words_go_through_the_back_door_of_every_instance_as_lane_by_lane() {
    for ty in [u(1), s(7), u(8), s(33), u(64)] {
        let lane = module("lane", |m| {
            let (address, data) = (m.input("address_i", u(3)), m.input("data_i", ty));
            let words = m.memory("words", 8, 3, ty);
            words.write(address, m.constant(u(1), 1), &[data; 3]);
            m.output("y_o", words.read_asynchronous(address)[2]);
        });
        let top = module("top", |m| {
            let (address, data) = (m.input("address_i", u(3)), m.input("data_i", ty));
            for index in 0..9 {
                let lane = m.instance(&format!("lane_{index}"), &lane);
                lane.input("address_i", address).input("data_i", data);
                m.output(&format!("y_{index}_o"), lane.output("y_o"));
            }
        });
        let design = Design::new(top).unwrap();
        for engine in ENGINES {
            let mut sim = simulator(&design, engine);
            let memories: Vec<_> = (0..9).map(|lane| sim.memory(&format!("top.lane_{lane}.words")).unwrap()).collect();
            let written = |lane: u64| -> Vec<u64> {
                (0..18).map(|index| (lane * 100 + index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) & ty.mask()).collect()
            };
            memories.iter().zip(0..).for_each(|(&memory, lane)| sim.memory_write_words(memory, 2, &written(lane)));
            for (&memory, lane) in memories.iter().zip(0..) {
                let mut read = vec![0; 18];
                sim.memory_read_words(memory, 2, &mut read);
                assert_eq!(read, written(lane), "{engine:?} {ty}");
                let one_by_one = (0..18).map(|index| sim.memory_read(memory, 2 + index / 3, index % 3));
                assert_eq!(one_by_one.collect::<Vec<_>>(), read, "{engine:?} {ty}");
                assert_eq!(sim.memory_read(memory, 1, 2), 0, "words before stay as they are");
            }
            let address = sim.input("address_i").unwrap();
            sim.poke(address, 7);
            let last = sim.output("y_8_o").unwrap();
            assert_eq!(sim.peek(last), written(8)[17], "{engine:?} {ty}: the design sees it");
        }
    }
}

#[test]
#[should_panic(expected = "leave")]
fn words_beyond_a_memory_are_refused() {
    let mut sim = simulator(&pipeline(), Engine::Compiled);
    let memory = sim.memory("pipeline.words").unwrap();
    let values = vec![0; (memory.depth() - 1) * memory.lanes()];
    sim.memory_write_words(memory, 2, &values);
}

#[test]
fn random_power_up_depends_on_the_seed_alone() {
    let design = pipeline();
    let state = |engine, seed| {
        let sim = Simulator::builder(&design).engine(engine).power_up(PowerUp::Random { seed }).build().unwrap();
        sim.checkpoint()
    };
    assert_eq!(state(Engine::Compiled, 1), state(Engine::Interpreted, 1));
    assert_ne!(state(Engine::Compiled, 1), state(Engine::Compiled, 2));
}

#[test]
fn a_checkpoint_restores_in_either_engine() {
    let design = pipeline();
    let mut first = simulator(&design, Engine::Compiled);
    let mut second = simulator(&design, Engine::Interpreted);
    let input = first.input("value_i").unwrap();
    first.poke_signed(input, 42);
    first.steps(2).unwrap();
    let saved = first.checkpoint();
    second.restore(&saved).unwrap();
    first.steps(2).unwrap();
    second.steps(2).unwrap();
    assert_eq!(first.checkpoint(), second.checkpoint());
    first.restore(&saved).unwrap();
    assert_eq!(first.checkpoint(), saved);
    assert_eq!(first.cycle(), 2);
    let other = Design::new(stage()).unwrap();
    assert!(matches!(simulator(&other, Engine::Compiled).restore(&saved), Err(SimError::OtherDesign { .. })));
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Value of a variable at each of the times at which a cycle begins.
fn read_back(bytes: &[u8], path: &[&str], cycles: u64) -> Vec<String> {
    let mut parser = vcd::Parser::new(BufReader::new(bytes));
    let header = parser.parse_header().unwrap();
    let code = header.find_var(path).unwrap_or_else(|| panic!("no {path:?}")).code;
    let (mut time, mut value, mut seen) = (0, String::new(), Vec::new());
    for command in parser {
        match command.unwrap() {
            vcd::Command::Timestamp(next) => {
                if time % 10 == 0 && next > time {
                    seen.push(value.clone());
                }
                time = next;
            }
            vcd::Command::ChangeVector(id, vector) if id == code => value = vector.to_string(),
            vcd::Command::ChangeScalar(id, bit) if id == code => value = bit.to_string(),
            _ => {}
        }
    }
    assert_eq!(time, cycles * 10);
    seen
}

#[test]
fn waves_show_each_cycle_under_hierarchical_names() {
    let design = pipeline();
    for engine in ENGINES {
        let sink = Sink::default();
        let mut sim = simulator(&design, engine);
        let input = sim.input("value_i").unwrap();
        sim.trace_vcd(sink.clone(), &["pipeline.stage_1"]).unwrap();
        sim.reset(1).unwrap();
        for value in [1, 2, 3] {
            sim.poke_signed(input, value);
            sim.step().unwrap();
        }
        sim.stop_trace().unwrap();
        let bytes = sink.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(!text.contains("stage_0") && !text.contains("words"), "only the chosen scope");
        assert_eq!(read_back(&bytes, &["pipeline", "rst_ni"], 5), ["0", "1", "1", "1", "1"]);
        let held = ["11111101", "11111101", "11111101", "00000001", "00000010"];
        assert_eq!(read_back(&bytes, &["pipeline", "stage_1", "held_q"], 5), held, "{engine:?}");
        let doubled = ["111111010", "111111010", "111111010", "000000010", "000000100"];
        assert_eq!(read_back(&bytes, &["pipeline", "stage_1", "doubled"], 5), doubled);
    }
}
