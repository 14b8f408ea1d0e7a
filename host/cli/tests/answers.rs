//! What the commands answer, for people and for programs.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use common::{Run, Workplace};
use serde_json::Value;

const MODEL: &str = "models/digits_int8";
const INPUT: &str = "models/digits_int8/input.npy";

fn infer<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["infer", "--model", MODEL, "--input", INPUT], more].concat()
}

/// The keys of an object, sorted.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn integers(value: &Value) -> Vec<i64> {
    value.as_array().expect("a list").iter().map(|item| item.as_i64().expect("an integer")).collect()
}

/// What the chain's official runtime answers for a picture.
fn official(workplace: &Workplace, model: &str, index: usize) -> Vec<i64> {
    let file = std::fs::read(workplace.path(&format!("models/{model}/official_logits.npy"))).unwrap();
    let logits = &file[file.len() - 899 * 10 * 4..];
    let words = logits.chunks_exact(4).skip(10 * index).take(10);
    words.map(|word| i64::from(i32::from_le_bytes(word.try_into().unwrap()))).collect()
}

#[test]
fn the_demo_names_the_digit_and_is_exact() {
    let workplace = Workplace::new();
    for (arguments, digit) in [
        (&["demo"][..], "a 6"),
        (&["demo", "--index", "2", "--device", "sim:12x10"], "a 9"),
        (&["demo", "--int6", "--index", "4", "--device", "sim:8x8"], "an 8"),
        (&["demo", "--device", "golden", "--index", "1"], "a 5"),
    ] {
        let run = workplace.run(arguments).expect(0);
        assert!(run.out.contains(&format!("This is {digit}.")), "{}", run.out);
        assert!(run.out.contains("bit-exact with golden (10 of 10 values equal)"), "{}", run.out);
        assert_eq!(run.out.contains("cycles/s"), !arguments.contains(&"golden"), "{}", run.out);
    }
}

#[test]
fn inference_answers_what_the_official_runtime_answers() {
    let workplace = Workplace::new();
    for (device, index) in [("sim:16x16", 0), ("sim:8x8", 41), ("sim:12x10", 898), ("golden", 7)] {
        let index_text = index.to_string();
        let run = workplace.run(&infer(&["--device", device, "--index", &index_text, "--check", "--json"])).expect(0);
        let answer = run.json();
        assert_eq!(integers(&answer["outputs"][0]["values"]), official(&workplace, "digits_int8", index), "{device}");
        assert_eq!(answer["golden"]["exact"], true);
        assert_eq!((answer["index"].as_u64(), answer["device"].as_str()), (Some(index as u64), Some(device)));
    }
}

#[test]
fn an_int8_cell_runs_the_int6_model_too() {
    let workplace = Workplace::new();
    let model = "models/digits_int6";
    let arguments = ["infer", "--model", model, "--input", "models/digits_int6/input.npy", "--check", "--json"];
    let answer = workplace.run(&arguments).expect(0).json();
    assert_eq!(integers(&answer["outputs"][0]["values"]), official(&workplace, "digits_int6", 0));
}

#[test]
fn the_json_of_an_inference_keeps_its_schema() {
    let workplace = Workplace::new();
    let answer = workplace.run(&infer(&["--check", "--json"])).expect(0).json();
    let expected = "device golden index input model outputs schema_version simulation timing";
    assert_eq!(keys(&answer).join(" "), expected);
    assert_eq!(answer["schema_version"], 1);
    assert_eq!(keys(&answer["outputs"][0]).join(" "), "name shape values");
    assert_eq!(keys(&answer["golden"]).join(" "), "differences exact first_difference values");
    assert_eq!(keys(&answer["simulation"]).join(" "), "cycles cycles_per_second seconds");
    let timing = &answer["timing"];
    assert_eq!(
        keys(timing).join(" "),
        "convolutions counters cycles layers macs macs_per_cycle predicted_cycles stamps utilisation"
    );
    assert_eq!(
        keys(&timing["counters"]).join(" "),
        "array_busy cycles instructions load_busy post_busy post_stall stall_data stall_weights store_busy"
    );
    assert_eq!(keys(&timing["layers"][0]).join(" "), "cycles kind macs name predicted_cycles utilisation");
    assert_eq!(timing["macs"], 306_688);
    assert_eq!(timing["layers"].as_array().unwrap().len(), 5);
    assert_eq!(integers(&timing["stamps"]).len(), 5);
    assert_eq!(integers(&answer["outputs"][0]["shape"]), [1, 10]);

    let answer = workplace.run(&infer(&["--device", "golden", "--json"])).expect(0).json();
    assert_eq!(keys(&answer).join(" "), expected);
    assert!(answer["timing"].is_null() && answer["simulation"].is_null() && answer["golden"].is_null());
}

#[test]
fn layers_add_up_to_the_inference() {
    let workplace = Workplace::new();
    let answer = workplace.run(&infer(&["--device", "sim:8x8", "--json"])).expect(0).json();
    let timing = &answer["timing"];
    let layers = timing["layers"].as_array().unwrap();
    let sum: u64 = layers.iter().map(|layer| layer["cycles"].as_u64().unwrap()).sum();
    // The rest is storing the answer and halting.
    let whole = timing["cycles"].as_u64().unwrap();
    assert!(sum < whole && whole - sum < 100, "{sum} of {whole}");
    assert_eq!(timing["cycles"], timing["predicted_cycles"]);
    for layer in layers {
        assert_eq!(layer["cycles"], layer["predicted_cycles"], "{layer}");
        let [macs, cycles] = ["macs", "cycles"].map(|key| layer[key].as_u64().unwrap());
        let utilisation = layer["utilisation"].as_f64().unwrap();
        assert!((utilisation - macs as f64 / (cycles * 64) as f64).abs() < 1e-9, "{layer}");
        assert!(utilisation <= 1.0, "{layer}");
    }
}

#[test]
fn a_batch_is_run_whole_and_counted() {
    let workplace = Workplace::new();
    // The first 25 pictures.
    let pictures = std::fs::read(workplace.path(INPUT)).unwrap();
    let few = myelin_graph::npy::write_i8(&[25, 1, 8, 8], bytes(&pictures[pictures.len() - 899 * 64..][..25 * 64]));
    std::fs::write(workplace.path("few.npy"), few.unwrap()).unwrap();
    let arguments = ["infer", "--model", MODEL, "--input", "few.npy", "--device", "sim:8x8", "--all"];
    let run = workplace.run(&arguments).expect(0);
    assert!(run.out.starts_with("25 of 25 answers bit-exact with golden\n"), "{}", run.out);
    assert!(run.err.contains("25/25 inputs"), "{}", run.err);

    let answer = workplace.run(&[&arguments[..], &["--json"]].concat()).expect(0).json();
    assert_eq!(
        keys(&answer).join(" "),
        "cycles_max cycles_min device exact first_mismatch input inputs model schema_version simulation"
    );
    assert_eq!((answer["inputs"].as_u64(), answer["exact"].as_u64()), (Some(25), Some(25)));
    assert_eq!(answer["schema_version"], 1);
}

fn bytes(bytes: &[u8]) -> &[i8] {
    // Pictures are 0 to 64: the same in both types.
    let pictures: Vec<i8> = bytes.iter().map(|&byte| byte as i8).collect();
    pictures.leak()
}

#[test]
fn a_model_is_shown_with_its_operation_count() {
    let workplace = Workplace::new();
    for model in ["digits_int8", "digits_int6"] {
        let folder = format!("models/{model}");
        let run = workplace.run(&["model", &folder]).expect(0);
        assert!(run.out.contains("operation count      1,139,022"), "{}", run.out);
        let answer = workplace.run(&["model", &folder, "--json"]).expect(0).json();
        assert_eq!(
            keys(&answer).join(" "),
            "format input layers macs model operation_count outputs parameters schema_version storage_bytes \
             unrunnable_on_chain"
        );
        assert_eq!(answer["schema_version"], 1);
        assert_eq!(answer["operation_count"], 1_139_022);
        assert_eq!(answer["parameters"], 35_114);
        let layers = answer["layers"].as_array().unwrap();
        let sum: u64 = layers.iter().map(|layer| layer["macs"].as_u64().unwrap()).sum();
        assert_eq!((layers.len(), sum), (14, answer["macs"].as_u64().unwrap()));
        assert_eq!(
            keys(&layers[0]).join(" "),
            "input_precision_bits input_shape macs name operator output_precision_bits output_shape parameters"
        );
    }
}

#[test]
fn verilog_is_written_one_file_a_module() {
    let workplace = Workplace::new();
    let arguments = ["verilog", "--cell", "6x4", "--precision", "int6", "-o", "new/folder"];
    let answer = workplace.run(&[&arguments[..], &["--json"]].concat()).expect(0).json();
    assert_eq!(keys(&answer).join(" "), "cell folder memory_bits modules multiplier register_bits schema_version top");
    let modules = answer["modules"].as_array().unwrap();
    let total = |key: &str| -> u64 {
        let number = |module: &Value, key: &str| module[key].as_u64().unwrap();
        modules.iter().map(|module| number(module, "instances") * number(module, key)).sum()
    };
    assert_eq!(total("register_bits"), answer["register_bits"].as_u64().unwrap());
    assert_eq!(total("memory_bits"), answer["memory_bits"].as_u64().unwrap());
    for module in modules {
        let [name, file] = ["module", "file"].map(|key| module[key].as_str().unwrap());
        let text = std::fs::read_to_string(workplace.path("new/folder").join(file)).unwrap();
        assert!(text.contains(&format!("module {name}")), "{file}");
        assert_eq!(text.lines().count() as u64, module["lines"].as_u64().unwrap());
    }
    let pe = modules.iter().find(|module| module["module"] == "pe").unwrap();
    assert_eq!(pe["instances"], 24);
    let run = workplace.run(&arguments).expect(0);
    assert!(run.out.contains("top module tensor_cell"), "{}", run.out);
}

#[test]
fn waves_hold_the_scopes_asked_for() {
    let workplace = Workplace::new();
    workplace.run(&infer(&["--vcd", "w.vcd", "--scope", "tensor_cell.sequencer"])).expect(0);
    let waves = std::fs::read_to_string(workplace.path("w.vcd")).unwrap();
    assert!(waves.contains("$scope module sequencer") && waves.contains("running_q"), "no sequencer in it");
    assert!(!waves.contains("$scope module post_unit"), "more than the sequencer in it");
    let times = waves.lines().filter(|line| line.starts_with('#')).count();
    assert!(times > 100, "{times} times in it");
}

#[test]
fn devices_are_listed_with_examples_that_open() {
    let workplace = Workplace::new();
    let answer = workplace.run(&["devices", "--json"]).expect(0).json();
    assert_eq!(keys(&answer).join(" "), "devices found schema_version");
    let found = &answer["found"][0];
    assert_eq!(keys(found).join(" "), "runs selector state usable");
    assert_eq!((&found["selector"], &found["usable"]), (&"cpu".into(), &true.into()));
    for device in answer["devices"].as_array().unwrap() {
        assert_eq!(keys(device).join(" "), "example meaning runs selector");
        let example = device["example"].as_str().unwrap();
        let trim =
            ["cuckoo", "trim", "--variant", "cuckaroo", "--edge-bits", "12", "--keys", "1,2,3,4", "--rounds", "2"];
        let job = match device["runs"].as_str().unwrap() {
            "inference" => vec!["demo"],
            "cuckoo" => trim.to_vec(),
            other => panic!("no job for {other}"),
        };
        let run = workplace.run(&[&job[..], &["--device", example]].concat());
        if !["tty:", "usb:"].iter().any(|stick| example.starts_with(stick)) {
            run.expect(0);
        } else if run.code != 0 {
            // No stick here.
            assert!(run.err.contains("hint: `myelin doctor`"), "{}", run.expect(5).err);
        }
    }
    let table = workplace.run(&["devices"]).expect(0).out;
    assert!(table.contains("sim:cuckoo-<edge bits>[:<lanes>]") && table.contains("sim:16x16"), "{table}");
}

#[test]
fn escapes_are_written_only_where_asked_for() {
    let workplace = Workplace::new();
    let demo = ["demo", "--device", "golden"];
    let escapes = |run: Run| run.out.contains('\x1b') || run.err.contains('\x1b');
    assert!(!escapes(workplace.run(&demo).expect(0)), "in a pipe");
    assert!(escapes(workplace.run(&[&demo[..], &["--color", "always"]].concat()).expect(0)));
    assert!(!escapes(workplace.run(&[&demo[..], &["--color", "never"]].concat()).expect(0)));
    assert!(!escapes(Run::of(workplace.command(&demo).env("NO_COLOR", "1")).expect(0)));
}

#[test]
fn progress_is_told_on_standard_error_only() {
    let workplace = Workplace::new();
    let quiet = workplace.run(&["demo", "--device", "sim:4x4", "--progress", "none"]).expect(0);
    assert_eq!(quiet.err, "");
    let counted = workplace.run(&["demo", "--device", "sim:4x4", "--progress", "counter"]).expect(0);
    assert!(counted.err.contains("compile digits_int8 for sim:4x4"), "{}", counted.err);
    let without_speed = |text: &str| text.trim_end().rsplit_once('\n').map(|(rest, _)| rest.to_owned());
    assert_eq!(without_speed(&quiet.out), without_speed(&counted.out));
}

#[test]
fn an_inference_has_fst_waves_of_a_window() {
    let workplace = Workplace::new();
    let more = ["--device", "sim:4x4", "--fst", "w.fst", "--window", "100:150", "--scope", "tensor_cell.sequencer"];
    workplace.run(&infer(&more)).expect(0);
    let mut waves = wellen::simple::read(workplace.path("w.fst")).unwrap();
    let times = waves.time_table();
    let first = times.iter().find(|&&time| time > 0).unwrap();
    assert_eq!(times.last(), Some(&(first + 500)), "50 cycles");
    let names: Vec<String> =
        waves.hierarchy().all_vars().map(|var| waves.hierarchy()[var].full_name(waves.hierarchy())).collect();
    assert!(names.iter().any(|name| name == "tensor_cell.sequencer.running_q"), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("post_unit")));
    let clock = waves.hierarchy().lookup_var(&["tensor_cell"], "clk_i").unwrap();
    let clock = waves.hierarchy()[clock].signal_ref();
    waves.load_signals(&[clock]);
    assert_eq!(
        waves.get_signal(clock).unwrap().iter_changes().filter(|(_, bit)| bit.to_bit_string().unwrap() == "1").count(),
        50
    );
}

#[test]
fn benches_say_how_much_was_right_and_how_fast() {
    let workplace = Workplace::new();
    for (design, answers) in [("fifo:4", "words"), ("skid_buffer", "words"), ("cell:4x4:int6", "pictures")] {
        let answer = workplace.run(&["sim", design, "--cycles", "500", "--json"]).expect(0).json();
        let names =
            ["answers", "coverage", "design", "failure", "right", "schema_version", "seed", "simulation", "wrong"];
        assert_eq!(keys(&answer), names);
        assert_eq!((answer["design"].as_str(), answer["answers"].as_str()), (Some(design), Some(answers)));
        assert!(answer["right"].as_u64().unwrap() > 0 && answer["wrong"].is_null() && answer["failure"].is_null());
        assert!(answer["simulation"]["cycles"].as_u64().unwrap() >= 500);
        assert!(answer["simulation"]["cycles_per_second"].as_f64().unwrap() > 0.0);
        assert!(answer["coverage"].is_null());
    }
    let counted = workplace.run(&["sim", "fifo", "--cycles", "50000", "--progress", "counter"]).expect(0);
    assert!(counted.err.contains("/50000 cycles"), "{}", counted.err);
    assert!(counted.out.contains("simulated 50,000 cycles") && counted.out.contains("cycles/s"), "{}", counted.out);
}

#[test]
fn a_failing_assertion_answers_no_and_leaves_waves() {
    let workplace = Workplace::new();
    let run = workplace.run(&["sim", "overflow", "--progress", "none"]).expect(1);
    assert!(run.out.contains("assertion overflow.level_is_at_most_depth failed at cycle"), "{}", run.out);
    assert!(run.out.contains("are in failure.fst"), "{}", run.out);
    let more = ["sim", "overflow", "--json", "--failure-waves", "why.vcd", "--progress", "none"];
    let answer = workplace.run(&more).expect(1).json();
    let failure = &answer["failure"];
    assert_eq!((failure["path"].as_str(), failure["waves"].as_str()), (Some("overflow"), Some("why.vcd")));
    let cycle = failure["cycle"].as_u64().unwrap();
    for file in ["failure.fst", "why.vcd"] {
        let mut waves = wellen::simple::read(workplace.path(file)).unwrap();
        let level = waves.hierarchy().lookup_var(&["overflow"], "level_q").unwrap();
        let level = waves.hierarchy()[level].signal_ref();
        waves.load_signals(&[level]);
        let last = waves.time_table().partition_point(|&time| time <= 10 * cycle) - 1;
        let changes: Vec<(usize, String)> = waves
            .get_signal(level)
            .unwrap()
            .iter_changes()
            .map(|(index, bits)| (index as usize, bits.to_bit_string().unwrap()))
            .collect();
        let held = changes.iter().rev().find(|&&(index, _)| index <= last).unwrap();
        assert_eq!(held.1, "0101", "{file}: five words at the failing edge");
    }
}

#[test]
fn coverage_names_bits_that_never_moved() {
    let workplace = Workplace::new();
    let run = workplace.run(&["sim", "cell:4x4", "--cycles", "2000", "--coverage"]).expect(0);
    assert!(
        run.out.contains("register bits that rose and fell:") && run.out.contains("never rose, bits"),
        "{}",
        run.out
    );
    let more = ["sim", "fifo:4", "--cycles", "3000", "--coverage", "--json", "--seed", "3"];
    let coverage = workplace.run(&more).expect(0).json()["coverage"].clone();
    assert_eq!((coverage["bits"].as_u64(), coverage["toggled_bits"].as_u64()), (Some(6), Some(6)));
    assert_eq!(coverage["covers"].as_array().unwrap().len(), 2);
    assert_eq!(coverage["covers_met"], 2);
    assert_eq!(coverage["registers"][0]["never_rose"], serde_json::json!([]));
}

#[test]
fn a_hierarchy_is_drawn_with_identical_instances_as_one() {
    let workplace = Workplace::new();
    let answer = workplace.run(&["hierarchy", "--cell", "8x8", "-o", "cell.svg", "--json"]).expect(0).json();
    assert!(answer["instances"].as_u64().unwrap() > 64 + answer["boxes"].as_u64().unwrap());
    let svg = std::fs::read_to_string(workplace.path("cell.svg")).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    for part in ["tensor_cell", "sequencer", "pe_0_0 .. pe_7_7", "\u{d7} 64", "host_write_valid_i"] {
        assert!(svg.contains(part), "{part}");
    }
}

#[test]
fn a_sweep_times_every_design_and_marks_those_worth_having() {
    let workplace = Workplace::new();
    let sweep = [
        "explore",
        "models/digits_int8",
        "--target",
        "custom",
        "--rows",
        "4..16",
        "--columns",
        "8,3",
        "-o",
        "explore.svg",
    ];
    let answer = workplace.run(&[&sweep[..], &["--json"]].concat()).expect(0).json();
    let points = answer["points"].as_array().unwrap();
    assert_eq!(points.len(), 6);
    let cycles = |rows: u64| {
        let point = points.iter().find(|point| point["rows"] == rows && point["columns"] == 8).unwrap();
        point["cycles"].as_u64().unwrap()
    };
    assert!(cycles(4) > cycles(8) && cycles(8) > cycles(16));
    // The fastest is worth having; three columns are not to be had.
    let best = |point: &serde_json::Value| point["best"] == true;
    assert!(points.iter().any(|point| best(point) && point["rows"] == 16));
    let refused: Vec<_> = points.iter().filter(|point| !point["refusal"].is_null()).collect();
    assert_eq!(refused.len(), 3);
    assert!(refused.iter().all(|point| !best(point) && point["refusal"].as_str().unwrap().contains("columns is 3")));
    let svg = std::fs::read_to_string(workplace.path("explore.svg")).unwrap();
    assert!(svg.starts_with("<svg ") && svg.matches("<circle").count() == 3);

    // A point can be given again, and is the same for people.
    let again = points.iter().find(|point| best(point)).unwrap();
    let table = workplace.run(&["explore", "models/digits_int8", "--target", again["target"].as_str().unwrap()]);
    let cycles = again["cycles"].as_u64().unwrap();
    let grouped = format!("{},{:03}", cycles / 1000, cycles % 1000);
    assert!(table.expect(0).out.contains(&grouped), "{grouped}");
}
