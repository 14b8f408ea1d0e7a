//! The emitted text, held against readable files in `tests/golden`.
//!
//! After a deliberate change of the emitter: `MYELIN_BLESS=1 cargo test -p myelin-hdl --test
//! verilog_text`, then review the difference.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use myelin_hdl::verilog::{self, Options, SimulationChecks, SourceComments};
use myelin_hdl::{Design, MemoryStyle, Module, choose, concat, module, mux, s, select, u};

/// Compares (or, where asked to, writes) the text of a whole design without source lines, which
/// would change with every edit of this file.
fn check(golden: &str, top: Arc<Module>, simulation_checks: SimulationChecks) {
    let design = Design::new(top).expect("the names are fit for Verilog");
    let options = Options { simulation_checks, source_comments: SourceComments::Omit };
    let text = verilog::emit_single(&design, options);
    assert_eq!(text, verilog::emit_single(&design, options), "emission is deterministic");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(golden);
    if std::env::var_os("MYELIN_BLESS").is_some() {
        fs::write(path, text).expect("the golden folder can be written");
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    for (number, (found, expected)) in text.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "{golden}, line {}", number + 1);
    }
    assert_eq!(text.lines().count(), expected.lines().count(), "{golden}: number of lines");
}

fn counter() -> Arc<Module> {
    module("counter", |m| {
        m.doc("Counts up to a limit while enabled, then starts again at zero.");
        let enable = m.input("enable_i", u(1));
        let limit = m.input("limit_i", u(8));
        let count = m.register("count_q", u(8)).reset(0);
        let last = count.q.eq(limit).named("last");
        count.next_when(enable, mux(last, 0, (count.q + 1).truncate(8)));
        m.output("count_o", count.q);
        m.output("last_o", last);
    })
}

/// A weight-stationary processing element.
fn element() -> Arc<Module> {
    module("element", |m| {
        m.doc("Multiplies the activation passing by with the weight held, and adds to the sum passing down.");
        let activation = m.input("activation_i", s(8));
        let sum = m.input("sum_i", s(32));
        let weight = m.input("weight_i", s(8));
        let load = m.input("load_i", u(1));
        let weight_q = m.register("weight_q", s(8));
        weight_q.next_when(load, weight);
        let product = (activation * weight_q.q).named("product");
        let sum_q = m.register("sum_q", s(32)).reset(0);
        sum_q.next((sum + product).truncate(32));
        m.output("activation_o", m.delay("activation_q", activation));
        m.output("weight_o", weight_q.q);
        m.output("sum_o", sum_q.q);
    })
}

#[test]
fn a_register_reads_as_written_by_hand() {
    check("counter.v", counter(), SimulationChecks::Omit);
}

#[test]
fn instances_stay_instances_of_one_module() {
    let top = module("column", |m| {
        let load = m.input("load_i", u(1));
        let mut weight = m.input("weight_i", s(8));
        let mut sum = m.constant(s(32), 0);
        for row in 0..3 {
            let activation = m.input(&format!("activation_{row}_i"), s(8));
            let instance = m.instance(&format!("element_{row}"), &element());
            instance.input("activation_i", activation).input("weight_i", weight).input("load_i", load);
            instance.input("sum_i", sum);
            (weight, sum) = (instance.output("weight_o"), instance.output("sum_o"));
        }
        m.output("sum_o", sum);
    });
    check("column.v", top, SimulationChecks::Omit);
}

#[test]
fn memories_have_the_shapes_that_synthesis_infers() {
    let top = module("memories", |m| {
        let (address, write_address) = (m.input("address_i", u(4)), m.input("write_address_i", u(4)));
        let (read, write) = (m.input("read_i", u(1)), m.input("write_i", u(1)));
        let lanes: Vec<_> = (0..3).map(|lane| m.input(&format!("data_{lane}_i"), s(6))).collect();
        let enables: Vec<_> = (0..3).map(|lane| m.input(&format!("lane_{lane}_i"), u(1))).collect();

        let block = m.memory("block_ram", 16, 3, s(6)).style(MemoryStyle::Block);
        let words = block.read(address, read);
        block.write_lanes(write_address, write, &enables, &lanes);
        m.output("sum_o", words[0] + words[2]);

        let table = m.memory("table_ram", 16, 1, u(8)).style(MemoryStyle::Distributed);
        let table = table.init(&std::array::from_fn::<i64, 16, _>(|index| (index * index) as i64));
        m.output("square_o", table.read_asynchronous(address)[0]);

        // Two write ports at one address: the later wins.
        let two = m.memory("two_ports", 16, 2, u(4));
        let nibbles = [lanes[0].slice(0, 4), lanes[1].slice(0, 4)];
        two.write(write_address, write, &nibbles);
        two.write(address, enables[0], &[nibbles[1], nibbles[0]]);
        let word = two.read(address, m.constant(u(1), 1));
        m.output("word_o", concat(&[word[1], word[0]]));

        // An address with a signed name counts from 0 all the same; a literal one gets a name.
        let offset = m.input("offset_i", s(4)).cast_unsigned();
        let one_place = m.memory("one_place", 16, 1, u(8)).collisions_are_unused();
        one_place.write(m.constant(u(4), 3), write, &[word[0].extend(u(8))]);
        m.output("place_o", one_place.read(offset, read)[0]);
    });
    check("memories.v", top, SimulationChecks::Omit);
}

#[test]
fn numbers_are_sized_and_their_signs_explicit() {
    let top = module("numbers", |m| {
        let (a, b) = (m.input("a_i", s(8)), m.input("b_i", u(8)));
        let (wide, bit) = (m.input("wide_i", u(64)), m.input("bit_i", s(1)));
        m.output("sum_o", a + b);
        m.output("product_o", a * b);
        m.output("negated_o", -a);
        m.output("wrapped_o", a.wrapping_add(b));
        m.output("less_o", a.lt(b));
        m.output("wide_less_o", wide.lt(a));
        m.output("equal_o", a.eq(bit));
        m.output("always_o", b.ge(0));
        m.output("in_range_o", a.ge(-5) & a.le(100));
        m.output("high_less_o", a.shift_right(4).lt(b.slice(0, 4).cast_signed()));
        m.output("shifted_o", a.shift_right_by(b));
        m.output("left_o", b.shift_left_by(wide));
        m.output("scaled_o", a.shift_left(3));
        m.output("joined_o", concat(&[b, a, bit, b.slice(3, 2), m.constant(u(3), 5)]));
        m.output("clipped_o", (a + b).saturate(s(8)));
        m.output("rotated_o", b.rotate_left(3));
        m.output("parity_o", b.parity());
        m.output("chosen_o", choose(-7).when(a.lt(0), a).when(b.any(), b).end());
        m.output("picked_o", select(b.slice(0, 2), &[a, a.wrapping_sub(1), b.cast_signed()]));
    });
    check("numbers.v", top, SimulationChecks::Omit);
}

fn checked() -> Arc<Module> {
    let child = module("child", |m| {
        let (valid, data) = (m.input("valid_i", u(1)), m.input("data_i", u(4)));
        m.assume("data_stays_below_ten", !valid | data.lt(10));
        m.output("next_o", data + 1);
    });
    module("checked", |m| {
        let (valid, data) = (m.input("valid_i", u(1)), m.input("data_i", u(4)));
        let instance = m.instance("child_0", &child);
        instance.input("valid_i", valid).input("data_i", data);
        let held = m.register("held_q", u(4)).reset(0);
        held.next_when(valid, data);
        m.assume("data_stays_below_ten", data.lt(10));
        m.assert("next_stays_below_eleven", instance.output("next_o").lt(11));
        m.cover("held_reaches_nine", held.q.eq(9));
    })
}

#[test]
fn checks_are_for_formal_tools_alone_by_default() {
    check("checked.v", checked(), SimulationChecks::Omit);
}

#[test]
fn checks_run_in_simulators_where_asked_for() {
    check("checked_simulation.v", checked(), SimulationChecks::Emit);
}

#[test]
fn names_never_clash() {
    let top = module("names", |m| {
        let a = m.input("add_1", u(4));
        let b = (a + 1).named("wire");
        let c = (b + 1).named("add_1");
        let d = (c + 1).named("unused_ok");
        m.assert("wire", d.any());
        m.assert("wire", c.any());
        m.output("xor_o", b.truncate(4) ^ c.truncate(4));
    });
    check("names.v", top, SimulationChecks::Omit);
}

#[test]
fn lines_end_in_the_place_of_the_source() {
    let text = &verilog::emit(&Design::new(counter()).unwrap())[0].text;
    let line = text.lines().find(|line| line.contains("reg [7:0] count_q")).unwrap();
    assert!(line.contains("// verilog_text.rs:"), "{line}");
}

#[test]
fn every_line_that_a_method_builds_is_told_as_its_callers() {
    let top = module("lines", |m| {
        let (a, b) = (m.input("a_i", s(8)), m.input("b_i", u(3)));
        let chosen = select(b, &[a, a.saturate(s(4)).extend(s(8)), m.delay_by("late", a, 3)]);
        m.output("y_o", concat(&[a, b, chosen.rotate_left(2), concat(&a.bits()[1..3])]));
        m.output("z_o", choose(0).when(a.lt(0), -a).end().fit(u(9), "fits"));
    });
    let text = verilog::emit_single(&Design::new(top).unwrap(), Options::default());
    let lines = text.lines().filter_map(|line| line.split_once("  // ")).filter(|(code, _)| !code.is_empty());
    let told: Vec<&str> = lines.map(|(_, place)| place).collect();
    assert!(told.len() > 20, "{text}");
    assert!(told.iter().all(|place| place.starts_with("verilog_text.rs:")), "{text}");
}

#[test]
fn files_are_named_after_their_modules_and_the_top_is_last() {
    let top = module("top", |m| {
        m.instance("counter_0", &counter()).input("enable_i", 1).input("limit_i", 9);
    });
    let files = verilog::emit(&Design::new(top).unwrap());
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["counter.v", "top.v"]);
    let folder = std::env::temp_dir().join(format!("myelin-verilog-{}", std::process::id()));
    verilog::write_files(&folder, &files).unwrap();
    assert_eq!(fs::read_to_string(folder.join("top.v")).unwrap(), files[1].text);
    fs::remove_dir_all(folder).unwrap();
}
