//! The node's questions without HTTP: every recorded case, byte orders, faults, budgets, verification.
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use std::fs;
use std::sync::atomic::Ordering;

use common::{Case, EXAMPLE, FakeDevice, Fault, GoldenEngine, array, cases, hash, mnist, put_input, put_model, turned};
use myelin_graph::{Conv2d, Dense, Graph, GraphBuilder, Op, Postprocess, Tensor, ValueId, export};
use myelin_infer::{
    CpuEngine, EngineError, ErrorClass, Eviction, FileRef, GuardedEngine, InferError, Node, NodeConfig, to_hex, verify,
};
use tempfile::TempDir;

const ANY: u64 = 1 << 30;

fn file(hash: &str) -> FileRef<'_> {
    FileRef { hash, size: ANY }
}

/// A storage with every case under its number.
fn storage(cases: &[Case]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (number, case) in cases.iter().enumerate() {
        put_model(dir.path(), &hash(number), &case.symbol, &case.params);
    }
    dir
}

fn check_all(node: &Node, cases: &[Case]) {
    for (number, case) in cases.iter().enumerate() {
        let name = &case.name;
        assert_eq!(node.operation_count(file(&hash(number)), 21).unwrap(), case.operations, "{name}");
        let content = turned(&case.input, case.input_type_size);
        // The second answer is the remembered one.
        for _ in 0..2 {
            match node.infer_content(file(&hash(number)), &content, 21) {
                Ok(output) => {
                    assert_eq!(case.code, 0, "{name}");
                    assert_eq!(*output, turned(&case.output, case.output_type_size), "{name}");
                }
                Err(error) => {
                    assert_ne!(case.code, 0, "{name}: {error:?}");
                    assert_eq!(error.class(), ErrorClass::Runtime, "{name}");
                }
            }
        }
    }
}

#[test]
fn every_recorded_case_is_answered_on_both_engines() {
    let cases = cases();
    assert_eq!(cases.len(), 34);
    let dir = storage(&cases);
    check_all(&Node::new(&NodeConfig::new(dir.path()), CpuEngine::default()), &cases);
    check_all(&Node::new(&NodeConfig::new(dir.path()), CpuEngine::portable()), &cases);
    check_all(&Node::new(&NodeConfig::new(dir.path()), GoldenEngine), &cases);
}

#[test]
fn a_devices_faults_never_reach_the_node() {
    let cases = cases();
    let dir = storage(&cases);
    for fault in [Fault::Prepare, Fault::PanicPreparing, Fault::Run, Fault::PanicRunning, Fault::ShortAnswer] {
        let engine = GuardedEngine::new(FakeDevice(fault), CpuEngine::portable());
        let faults = engine.faults();
        check_all(&Node::new(&NodeConfig::new(dir.path()), engine), &cases);
        assert!(faults.load(Ordering::Relaxed) >= 34, "{fault:?}");
    }
}

#[test]
fn words_of_input_files_arrive_with_their_bytes_swapped() {
    // A case with four bytes an element, so that the order shows.
    let case = cases().into_iter().find(|case| case.input_type_size == 4 && case.code == 0).unwrap();
    let dir = tempfile::tempdir().unwrap();
    put_model(dir.path(), EXAMPLE, &case.symbol, &case.params);
    let words: Vec<i32> = case.input.chunks_exact(4).map(|word| i32::from_le_bytes(word.try_into().unwrap())).collect();
    // What arrives right must be written swapped, in either order of the file.
    let swapped: Vec<i32> = words.iter().map(|word| word.swap_bytes()).collect();
    let little = myelin_graph::npy::write_i32(&[swapped.len()], &swapped).unwrap();
    put_input(dir.path(), &hash(1), &little);
    let data = little.len() - case.input.len();
    let mut big = little.clone();
    let at = big.windows(3).position(|window| window == b"<i4").unwrap();
    big[at] = b'>';
    big[data..].copy_from_slice(&turned(&little[data..], 4));
    put_input(dir.path(), &hash(2), &big);
    // Raw bytes in an 8-bit array are groups turned round too.
    put_input(dir.path(), &hash(3), &array(&turned(&case.input, 4)));
    let node = Node::new(&NodeConfig::new(dir.path()), CpuEngine::default());
    for input in 1..=3 {
        let output = node.infer_file(file(EXAMPLE), file(&hash(input)), 21).unwrap();
        assert_eq!(*output, turned(&case.output, case.output_type_size), "file {input}");
    }
}

#[test]
fn errors_have_the_nodes_classes() {
    let case = mnist();
    let dir = tempfile::tempdir().unwrap();
    put_model(dir.path(), &hash(0), &case.symbol, &case.params);
    put_input(dir.path(), &hash(1), &array(&case.input));
    put_input(dir.path(), &hash(2), b"not an array");
    put_input(dir.path(), &hash(3), &array(&case.input[1..]));
    put_model(dir.path(), &hash(4), b"{}", &case.params);
    put_model(dir.path(), &hash(5), b"{", &case.params);
    put_model(dir.path(), &hash(6), &case.symbol, &case.params[..99]);
    let node = Node::new(&NodeConfig::new(dir.path()), CpuEngine::default());
    let ask = |model: usize, input: usize| node.infer_file(file(&hash(model)), file(&hash(input)), 21);
    assert_eq!(*ask(0, 1).unwrap(), *case.output);
    // Only an array that cannot be read is a logic error; whatever the kernel says is a runtime error.
    assert_eq!(ask(0, 2).unwrap_err().class(), ErrorClass::Logic);
    for (model, input) in [(0, 3), (0, 9), (9, 1), (4, 1), (5, 1), (6, 1), (1, 1), (0, 0)] {
        assert_eq!(ask(model, input).unwrap_err().class(), ErrorClass::Runtime, "{model} {input}");
    }
    // The gas phase passes the kernel's own class on.
    let price = |model: usize| node.operation_count(file(&hash(model)), 21).map_err(|error| error.class());
    assert_eq!(price(0), Ok(case.operations));
    assert_eq!(price(4), Err(ErrorClass::Logic));
    assert_eq!(price(5), Err(ErrorClass::Runtime));
    assert_eq!(price(6), Ok(case.operations));
    assert_eq!(price(9), Err(ErrorClass::Runtime));
    for wrong in ["", "0x", "../../../../../../../../../../etc/passwd", "0x00/../../00000000000000000000000000000000"] {
        assert!(matches!(node.operation_count(file(wrong), 21), Err(InferError::Hash { .. })), "{wrong}");
    }
}

#[test]
fn sizes_are_checked_whether_or_not_an_answer_is_remembered() {
    let case = mnist();
    let dir = tempfile::tempdir().unwrap();
    put_model(dir.path(), EXAMPLE, &case.symbol, &case.params);
    put_input(dir.path(), &hash(1), &array(&case.input));
    let (model, input) = (case.params.len().max(case.symbol.len()) as u64, array(&case.input).len() as u64);
    let symbol = case.symbol.len() as u64;
    let node = Node::new(&NodeConfig::new(dir.path()), CpuEngine::default());
    let input_hash = hash(1);
    for _ in 0..2 {
        let model = |size| FileRef { hash: EXAMPLE, size };
        let ask = |model_size, input_size| {
            node.infer_file(model(model_size), FileRef { hash: &input_hash, size: input_size }, 21).is_ok()
        };
        assert!(!ask(case.params.len().max(case.symbol.len()) as u64 - 1, input));
        assert!(!ask(ANY, input - 1));
        assert!(!ask(0, 0));
        assert!(node.operation_count(model(symbol - 1), 21).is_err());
        assert!(node.infer_content(model(3), &case.input, 21).is_err());
        assert!(ask(u64::MAX, u64::MAX));
        assert!(node.operation_count(model(symbol), 21).is_ok());
        assert!(node.infer_content(model(ANY), &case.input, 21).is_ok());
    }
    assert!(
        node.infer_file(FileRef { hash: EXAMPLE, size: model }, FileRef { hash: &input_hash, size: input }, 21).is_ok()
    );
}

#[test]
fn network_43_uses_the_substitute() {
    let case = mnist();
    let dir = tempfile::tempdir().unwrap();
    put_model(dir.path(), "0xc816d85a023abacb687080ca57f580d4999b8b1d", &case.symbol, &case.params);
    let node = Node::new(&NodeConfig::new(dir.path()), CpuEngine::default());
    let asked = file("0x31F75c90e8fe1c5b16cbdc466dc6127487a92add");
    assert_eq!(*node.infer_content(asked, &case.input, 43).unwrap(), *case.output);
    assert_eq!(node.operation_count(asked, 43).unwrap(), case.operations);
    assert!(node.infer_content(asked, &case.input, 21).is_err());
}

#[test]
fn prepared_models_stay_within_their_budget() {
    let case = mnist();
    let dir = tempfile::tempdir().unwrap();
    for number in 0..6 {
        put_model(dir.path(), &hash(number), &case.symbol, &case.params);
    }
    let mut config = NodeConfig::new(dir.path());
    let weight = {
        let node = Node::new(&config, CpuEngine::default());
        node.infer_content(file(&hash(0)), &case.input, 21).unwrap();
        node.models_held().1
    };
    for eviction in [Eviction::Lru, Eviction::Fifo] {
        config.eviction = eviction;
        // Loading takes more than keeping; without remembered results every question runs a model.
        config.model_bytes = 3 * weight;
        config.result_bytes = 0;
        let node = Node::new(&config, CpuEngine::default());
        for number in (0..6).chain(0..6) {
            assert_eq!(*node.infer_content(file(&hash(number)), &case.input, 21).unwrap(), *case.output);
            assert!(node.models_held().1 <= config.model_bytes);
        }
        assert!(node.models_evicted() >= 6, "{eviction:?}");
    }
    config.model_bytes = 1000;
    let node = Node::new(&config, CpuEngine::default());
    let refused = node.infer_content(file(&hash(0)), &case.input, 21);
    assert!(matches!(refused, Err(InferError::Memory { allowed: 1000, .. })));
}

#[test]
fn a_gigabyte_of_params_is_refused_before_it_is_read() {
    let case = mnist();
    let dir = tempfile::tempdir().unwrap();
    put_model(dir.path(), EXAMPLE, &case.symbol, &[]);
    let folder = EXAMPLE[2..].to_lowercase();
    let params = fs::File::options().write(true).open(dir.path().join(folder).join("data/params")).unwrap();
    // A hole: it has the length and takes no place.
    params.set_len(1 << 30).unwrap();
    let mut config = NodeConfig::new(dir.path());
    config.model_bytes = 512 << 20;
    let node = Node::new(&config, CpuEngine::default());
    assert!(matches!(node.infer_content(file(EXAMPLE), &case.input, 21), Err(InferError::Memory { .. })));
    params.set_len((1 << 30) + 1).unwrap();
    let refused = node.infer_content(FileRef { hash: EXAMPLE, size: u64::MAX }, &case.input, 21);
    assert!(matches!(refused, Err(InferError::FileSize { .. })));
}

/// A model of one operator on `x` and `w`.
fn model_of(x: &[usize], w: &[usize], build: impl FnOnce(&mut GraphBuilder, ValueId, ValueId) -> ValueId) -> Graph {
    let mut b = GraphBuilder::new();
    let x = b.input(x, 8).unwrap();
    let weights = Tensor::from_i8(w, vec![3; w.iter().product()]).unwrap();
    let w = b.param("w", weights, 8).unwrap();
    let y = build(&mut b, x, w);
    b.finish(vec![y], Postprocess::None).unwrap()
}

fn put_graph(dir: &TempDir, number: usize, graph: &Graph) -> Vec<u8> {
    let (symbol, params) = export::cvm(graph);
    put_model(dir.path(), &hash(number), &symbol, &params);
    vec![1; graph.input_length() as usize]
}

#[test]
fn a_model_that_takes_too_long_is_given_up_and_others_go_on() {
    let case = mnist();
    let dir = tempfile::tempdir().unwrap();
    put_model(dir.path(), EXAMPLE, &case.symbol, &case.params);
    // Billions of products with computed weights, the slowest there are.
    let slow = model_of(&[1, 64, 64, 64], &[128, 64, 9, 9], |b, x, w| {
        let w = b.op("computed", Op::Negative, &[w]).unwrap();
        b.conv2d("conv", x, w, None, Conv2d::square(128, 9).with_padding(4)).unwrap()
    });
    let input = put_graph(&dir, 1, &slow);
    let mut config = NodeConfig::new(dir.path());
    config.run_time = std::time::Duration::from_millis(30);
    let engine = GuardedEngine::new(CpuEngine::default(), CpuEngine::portable());
    let faults = engine.faults();
    let node = Node::new(&config, engine);
    let given_up = node.infer_content(file(&hash(1)), &input, 21).unwrap_err();
    assert!(matches!(&given_up, InferError::Engine { source: EngineError::Late, .. }), "{given_up:?}");
    assert_eq!(given_up.class(), ErrorClass::Runtime);
    assert_eq!(faults.load(Ordering::Relaxed), 0);
    drop(node);
    config.run_time = std::time::Duration::from_secs(3600);
    let node = Node::new(&config, CpuEngine::default());
    assert_eq!(*node.infer_content(file(EXAMPLE), &case.input, 21).unwrap(), *case.output);
}

#[test]
fn weights_that_multiply_when_packed_count_before_they_are() {
    let dir = tempfile::tempdir().unwrap();
    // Two units fill two lanes of a vector of many.
    let thin = model_of(&[1, 1 << 15], &[2, 1 << 15], |b, x, w| {
        b.op("dense", Op::Dense(Dense { units: 2, use_bias: false }), &[x, w]).unwrap()
    });
    let input = put_graph(&dir, 1, &thin);
    let mut config = NodeConfig::new(dir.path());
    // Enough to read it.
    config.model_bytes = 600 << 10;
    let refused = Node::new(&config, CpuEngine::default()).infer_content(file(&hash(1)), &input, 21).unwrap_err();
    let memory = matches!(&refused, InferError::Engine { source: EngineError::Memory { .. }, .. });
    assert!(memory, "{refused:?}");
    config.model_bytes = 64 << 20;
    let answer = Node::new(&config, CpuEngine::default()).infer_content(file(&hash(1)), &input, 21).unwrap();
    assert_eq!(*answer, [(3i32 << 15).to_be_bytes(), (3i32 << 15).to_be_bytes()].concat());
}

#[test]
fn recorded_answers_are_verified_and_a_wrong_one_is_found() {
    let cases = cases();
    let dir = tempfile::tempdir().unwrap();
    let mut list = "# every recorded case\n\n".to_owned();
    for (number, case) in cases.iter().enumerate() {
        let folder = dir.path().join(number.to_string());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("symbol"), &case.symbol).unwrap();
        fs::write(folder.join("params"), &case.params).unwrap();
        let record = verify::Record {
            model: number.to_string().into(),
            input: Some(to_hex(&turned(&case.input, case.input_type_size))),
            file: None,
            expected: to_hex(&turned(&case.output, case.output_type_size)),
            code: case.code as u8,
        };
        list += &(serde_json::to_string(&record).unwrap() + "\n");
    }
    let path = dir.path().join("list.jsonl");
    fs::write(&path, &list).unwrap();
    let mut told = (0, 0);
    let report = verify::verify(&path, &CpuEngine::default(), |done, total| told = (done, total)).unwrap();
    assert_eq!((report.records, told), (34, (34, 34)));
    assert_eq!(report.mismatches, []);

    fs::write(dir.path().join("input.npy"), array(&mnist().input)).unwrap();
    list += "{\"model\": \"33\", \"file\": \"input.npy\", \"expected\": \"0x04f20ef005f6fdfe01fe\"}\n";
    list += "{\"model\": \"33\", \"input\": \"0x00\"}\n";
    fs::write(&path, &list).unwrap();
    let report = verify::verify(&path, &CpuEngine::default(), |_, _| ()).unwrap();
    assert_eq!(report.mismatches.len(), 2);
    assert_eq!((report.mismatches[0].line, &*report.mismatches[0].found), (37, "0x04f20ef005f6fdfe01ff"));
    assert_eq!((report.mismatches[1].found_code, report.mismatches[1].expected_code), (2, 0));

    for wrong in ["{}", "nonsense", "{\"model\": \"33\"}", "{\"model\": \"99\", \"input\": \"0x\"}"] {
        fs::write(&path, wrong).unwrap();
        assert!(verify::verify(&path, &CpuEngine::default(), |_, _| ()).is_err(), "{wrong}");
    }
}
