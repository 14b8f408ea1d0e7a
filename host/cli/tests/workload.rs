//! `bench infer`, `model build`, `infer` on the processor: what they say, for people and for programs.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use common::Workplace;
use serde_json::Value;

fn keys(value: &Value) -> String {
    let mut keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys.join(" ")
}

#[test]
fn the_processor_answers_what_golden_answers_on_every_path() {
    let workplace = Workplace::new();
    let infer = ["infer", "--model", "models/digits_int6", "--input", "models/digits_int6/input.npy"];
    for path in myelin_cpu::Path::available() {
        let device = format!("cpu:{path}");
        let run = workplace.run(&[&infer[..], &["--device", &device, "--index", "7", "--check"]].concat()).expect(0);
        assert!(run.out.contains("bit-exact with golden"), "{device}: {}", run.out);
    }
    let all = workplace.run(&[&infer[..], &["--device", "cpu", "--all", "--json"]].concat()).expect(0).json();
    assert_eq!((all["exact"].as_u64(), all["inputs"].as_u64()), (Some(899), Some(899)));
}

#[test]
fn a_built_network_has_the_published_size_and_runs() {
    let workplace = Workplace::new();
    let build = ["model", "build", "squeezenet1.1", "-o", "built/net", "--json"];
    let answer = workplace.run(&build).expect(0).json();
    let expected = "files folder input_shape macs network operation_count operators output_shapes parameters \
                    schema_version seed";
    assert_eq!(keys(&answer), expected);
    assert_eq!(answer["input_shape"], serde_json::json!([1, 3, 224, 224]));
    assert_eq!(answer["macs"].as_u64().unwrap() / 1_000_000, 349);
    for file in answer["files"].as_array().unwrap() {
        let length = std::fs::metadata(workplace.path("built/net").join(file["name"].as_str().unwrap())).unwrap().len();
        assert_eq!(file["bytes"].as_u64(), Some(length));
    }
    let shown = workplace.run(&["model", "built/net", "--json"]).expect(0).json();
    assert_eq!((&shown["macs"], &shown["operation_count"]), (&answer["macs"], &answer["operation_count"]));
    let infer = ["infer", "--model", "built/net", "--input", "built/net/input.npy", "--json", "--device"];
    let outputs = |device: &str| workplace.run(&[&infer[..], &[device]].concat()).expect(0).json()["outputs"].clone();
    let fast = outputs("cpu");
    assert_eq!(fast[0]["values"].as_array().unwrap().len(), 1000);
    assert_eq!(fast, outputs("cpu:scalar"));
    let cold = workplace.run(&["bench", "infer", "--cold", "built/net", "--json"]).expect(0).json();
    let steps: Vec<&str> = cold["steps"].as_array().unwrap().iter().filter_map(|step| step["step"].as_str()).collect();
    assert_eq!(steps, ["read", "check", "pack", "first answer"]);
    assert!(cold["cpu_milliseconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_bench_measures_every_path_asked_for_and_draws_it() {
    let workplace = Workplace::new();
    let bench = ["bench", "infer", "--network", "digits_int8", "--network", "conv3x3-8x6", "--rounds", "2"];
    let more = ["--path", "scalar", "--picture", "bench.svg", "--json"];
    let answer = workplace.run(&[&bench[..], &more].concat()).expect(0).json();
    assert_eq!((&answer["schema_version"], &answer["threads"]), (&1.into(), &1.into()));
    assert_eq!(answer["peer"], Value::Null);
    let networks = answer["networks"].as_array().unwrap();
    assert_eq!(networks.iter().map(|network| &network["name"]).collect::<Vec<_>>(), ["digits_int8", "conv3x3-8x6"]);
    assert_eq!(networks[1]["macs"].as_u64(), Some(4 * 8 * 8 * 9 * 36));
    for network in networks {
        let [path] = &network["paths"].as_array().unwrap()[..] else { panic!("{network}") };
        assert_eq!((&path["path"], &path["rounds"]), (&"scalar".into(), &2.into()));
        assert!(path["gmac_per_second"].as_f64().unwrap() > 0.0);
    }
    let svg = std::fs::read_to_string(workplace.path("bench.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && svg.contains("conv3x3-8x6"), "{svg}");

    let table = workplace.run(&bench).expect(0).out;
    for path in myelin_cpu::Path::available() {
        assert!(table.contains(&format!("{path}, ms")), "{table}");
    }
    assert!(table.contains("GMAC/s") && table.contains("digits_int8"), "{table}");
}
