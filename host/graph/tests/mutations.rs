//! Mutated models: an import may refuse, but never panic, hang, or take more memory than it says.
//!
//! A failure prints the command that replays it alone.

#![allow(clippy::unwrap_used, reason = "a broken fixture is a failed test")]

mod common;
#[path = "common/memory.rs"]
mod memory;

use common::json::Json;
use memory::{Counting, peak_of};
use myelin_graph::import::{self, Limits};
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MUTATIONS: u64 = 100_000;
const SEED_VARIABLE: &str = "MYELIN_MUTATION_SEED";
/// Far above what a small model takes, far below a hang.
const TIME_MAX: Duration = Duration::from_secs(5);

struct Model {
    name: String,
    symbol: Vec<u8>,
    params: Vec<u8>,
    json: Json,
}

fn models() -> Vec<Model> {
    let digits = ["digits_int8", "digits_int6"].into_iter().map(|name| {
        let dir = common::root().join("models").join(name);
        let read = |file| std::fs::read(dir.join(file)).unwrap();
        (name.to_owned(), read("symbol"), read("params"))
    });
    let vectors = common::vectors().into_iter().map(|v| (v.name, v.symbol, v.params));
    let model = |(name, symbol, params): (String, Vec<u8>, Vec<u8>)| {
        let json = Json::parse(&symbol);
        Model { name, symbol, params, json }
    };
    digits.chain(vectors).map(model).collect()
}

/// Imports, and checks time and memory; the answer does not matter.
fn check(symbol: &[u8], params: &[u8]) -> bool {
    let bound = import::memory_bound(symbol.len() as u64, params.len() as u64);
    let (start, before) = (Instant::now(), memory::live());
    let (result, peak) = peak_of(|| import::cvm(symbol, params, &Limits::default()));
    let time = start.elapsed();
    assert!(
        peak <= bound,
        "{peak} bytes for a symbol of {} and params of {}, at most {bound} promised",
        symbol.len(),
        params.len()
    );
    assert!(time < TIME_MAX, "took {time:?}");
    let ok = match result {
        Ok(graph) => {
            // What was accepted has facts, and survives the way out and back in.
            let (again, data) = myelin_graph::export::cvm(&graph);
            let again = import::cvm(&again, &data, &Limits::default());
            assert_eq!(again.as_ref(), Ok(&graph));
            let facts = (graph.output_length(), graph.storage_size(), graph.total_macs());
            assert!(facts.0 <= u64::MAX / 2, "{facts:?}");
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            let _ = error.class();
            false
        }
    };
    assert_eq!(memory::live(), before, "an import leaves memory behind");
    ok
}

#[test]
fn survives_mutated_models_within_its_memory_bound() {
    let models = models();
    for model in &models {
        assert!(check(&model.symbol, &model.params), "{}: refused unchanged", model.name);
    }
    let only = std::env::var(SEED_VARIABLE).ok().map(|s| s.parse::<u64>().unwrap());
    let seeds = only.map_or(0..MUTATIONS, |seed| seed..seed + 1);
    let mut accepted = 0;
    for seed in seeds.clone() {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let model = models.choose(&mut rng).unwrap();
        let (mut symbol, mut params) = (model.symbol.clone(), model.params.clone());
        let kind = rng.random_range(0..10);
        match kind {
            0 | 1 => mutate_bytes(&mut rng, &mut symbol),
            2 => mutate_bytes(&mut rng, &mut params),
            3 | 4 => mutate_fields(&mut rng, &mut params),
            5 => {
                symbol = mutate_json(&mut rng, model.json.clone());
                mutate_bytes(&mut rng, &mut params);
            }
            _ => symbol = mutate_json(&mut rng, model.json.clone()),
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| check(&symbol, &params)));
        match outcome {
            Ok(ok) => accepted += u64::from(ok),
            Err(_) => panic!(
                "mutation of {} failed; replay with\n  \
                 {SEED_VARIABLE}={seed} cargo test -p myelin-graph --test mutations -- --nocapture",
                model.name
            ),
        }
    }
    let count = seeds.end - seeds.start;
    println!("{count} mutations, {accepted} of them accepted");
    // Both answers must occur, or the mutations miss what they should hit.
    assert!(count == 1 || (accepted > count / 100 && accepted < count / 2), "{accepted}");
}

fn mutate_bytes(rng: &mut impl Rng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.random_range(1..4) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.random_range(0..bytes.len());
        let end = (at + rng.random_range(1..64)).min(bytes.len());
        match rng.random_range(0..7) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            2 => bytes[at] = *b"[]{}\":,0-9 \\".choose(rng).unwrap(),
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..end)),
            5 => {
                let piece = bytes[at..end].to_vec();
                let to = rng.random_range(0..=bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => {
                let piece: Vec<u8> = (at..end).map(|_| rng.random()).collect();
                bytes.splice(at..at, piece);
            }
        }
    }
}

/// Overwrites an integer of the binary file with an extreme one.
fn mutate_fields(rng: &mut impl Rng, bytes: &mut [u8]) {
    const EXTREMES: [i64; 12] =
        [0, 1, -1, 2, 7, 127, -128, 1 << 24, i32::MAX as i64, i32::MIN as i64, i64::MAX, i64::MIN];
    // Most fields stand near the start, names of odd lengths before some of them.
    let reach = if rng.random() { bytes.len().min(512) } else { bytes.len() };
    for _ in 0..rng.random_range(1..3) {
        let value = EXTREMES.choose(rng).unwrap().to_le_bytes();
        let width = *[1, 2, 4, 8].choose(rng).unwrap();
        let at = rng.random_range(0..reach);
        let end = (at + width).min(bytes.len());
        bytes[at..end].copy_from_slice(&value[..end - at]);
    }
}

fn mutate_json(rng: &mut impl Rng, mut json: Json) -> Vec<u8> {
    for _ in 0..rng.random_range(1..4) {
        let index = rng.random_range(0..json.count());
        mutate_value(rng, json.nth(index));
    }
    json.to_text().into_bytes()
}

fn mutate_value(rng: &mut impl Rng, value: &mut Json) {
    if rng.random_range(0..20) == 0 {
        *value = deep(rng);
        return;
    }
    match value {
        Json::Raw(text) => *text = number(rng),
        Json::Text(text) => match rng.random_range(0..3) {
            // Attributes hide numbers in strings.
            0 => mutate_text(rng, text),
            1 => mutate_digits(rng, text),
            _ => *value = Json::Raw(number(rng)),
        },
        Json::List(items) => {
            let at = rng.random_range(0..=items.len());
            let other = rng.random_range(0..=items.len());
            match rng.random_range(0..5) {
                0 if at < items.len() => drop(items.remove(at)),
                1 if at < items.len() => items.insert(other, items[at].clone()),
                2 if at < items.len() && other < items.len() => items.swap(at, other),
                3 => items.truncate(at),
                _ => items.insert(at, Json::Raw(number(rng))),
            }
        }
        Json::Object(members) => {
            if members.is_empty() {
                members.push(("key".into(), Json::Raw(number(rng))));
                return;
            }
            let at = rng.random_range(0..members.len());
            let other = rng.random_range(0..members.len());
            match rng.random_range(0..6) {
                0 => drop(members.remove(at)),
                1 => members.insert(other, members[at].clone()),
                2 => members.swap(at, other),
                3 => members[at].0.push('x'),
                4 => members[at].1 = members[other].1.clone(),
                _ => mutate_value(rng, &mut members[at].1),
            }
        }
    }
}

fn number(rng: &mut impl Rng) -> String {
    const NUMBERS: [&str; 24] = [
        "0",
        "1",
        "2",
        "3",
        "-1",
        "-2",
        "7",
        "8",
        "32",
        "33",
        "4096",
        "16777216",
        "16777217",
        "1073741824",
        "2147483647",
        "2147483648",
        "-2147483648",
        "4294967295",
        "4294967296",
        "9223372036854775807",
        "-9223372036854775808",
        "99999999999999999999999999999999",
        "1.5",
        "1e9",
    ];
    NUMBERS.choose(rng).unwrap().to_string()
}

fn mutate_text(rng: &mut impl Rng, text: &mut String) {
    const WORDS: [&str; 12] = [
        "",
        "data",
        "conv2d",
        "relu_9",
        "cvm_1.0.0",
        "argmax",
        "detection",
        "True",
        "None",
        "(1, 1)",
        "{\"axis\": \"-1\"}",
        "\u{1f980}",
    ];
    *text = match rng.random_range(0..4) {
        0 => "x".repeat(rng.random_range(0..20_000)),
        1 => format!("{text}{text}"),
        2 => number(rng),
        _ => WORDS.choose(rng).unwrap().to_string(),
    };
}

/// Replaces one run of digits in a text by another number.
fn mutate_digits(rng: &mut impl Rng, text: &mut String) {
    let is_digit = |i: &usize| text.as_bytes()[*i].is_ascii_digit();
    let digits: Vec<usize> = (0..text.len()).filter(is_digit).collect();
    let Some(&at) = digits.choose(rng) else { return };
    let digits = |s: &[u8]| s.iter().take_while(|b| b.is_ascii_digit()).count();
    let end = at + digits(&text.as_bytes()[at..]);
    text.replace_range(at..end, &number(rng));
}

/// Brackets within brackets, closed or not.
fn deep(rng: &mut impl Rng) -> Json {
    let depth = *[10, 1000, 50_000].choose(rng).unwrap();
    let (open, close) = *[("[", "]"), ("{\"a\":", "}")].choose(rng).unwrap();
    let close = if rng.random() { close } else { "" };
    Json::Raw(format!("{}0{}", open.repeat(depth), close.repeat(depth)))
}

/// A symbol with these parts, everything else empty.
fn symbol_of(nodes: &str, attrs: &str) -> Vec<u8> {
    format!(
        "{{\"nodes\": [{nodes}], \"heads\": [], \"attrs\": {{\"op_attrs\": [\"list_str\", []], \
         \"shape\": [\"list_shape\", []], \"storage_id\": [\"list_int\", []]{attrs}}}}}"
    )
    .into_bytes()
}

#[test]
fn keeps_its_memory_bound_on_files_made_to_break_it() {
    // Just past a doubling, where a growing vector holds three times what it needs.
    const COUNT: usize = (1 << 18) + 1;
    let many = |item: &str, count: usize| vec![item; count].join(",");
    let null = r#"{"op":"null","name":"","inputs":[]}"#;
    let chain = |i: usize| format!(r#"{{"op":"cvm_op","name":"","inputs":[[{i},0]],"attrs":{{"func_name":"relu"}}}}"#);
    let params = {
        let mut bytes = 0xF7E5_8D4F_0504_9CB7u64.to_le_bytes().to_vec();
        bytes.extend(0u64.to_le_bytes());
        bytes.extend((COUNT as u64).to_le_bytes());
        bytes.extend(vec![0; COUNT * 8]);
        bytes.extend((COUNT as u64).to_le_bytes());
        bytes
    };
    let cases = [
        ("empty nodes", symbol_of(&many(null, COUNT), "")),
        ("numbers", symbol_of("", &format!(",\"precision\":[\"list_int\",[{}]]", many("0", COUNT)))),
        ("strings", symbol_of("", &format!(",\"dltype\":[\"list_str\",[{}]]", many("\"\"", COUNT)))),
        ("shapes", symbol_of("", &format!(",\"shape\":[\"list_shape\",[{}]]", many("[]", COUNT)))),
        ("dims", symbol_of("", &format!(",\"shape\":[\"list_shape\",[[{}]]]", many("1", COUNT)))),
        ("one long key", symbol_of("", &format!(",\"{}\":0", "k".repeat(COUNT)))),
        ("one long name", symbol_of(&null.replace("\"\"", &format!("{:?}", "n".repeat(COUNT))), "")),
        ("open brackets", "[".repeat(COUNT).into_bytes()),
        ("open nodes", format!("{{\"nodes\":{}", "[".repeat(COUNT)).into_bytes()),
        ("operands", {
            let inputs = many("[0,0]", COUNT);
            symbol_of(&null.replace("[]", &format!("[{inputs}]")), "")
        }),
        ("one long tuple", {
            let text = format!(r#""{{\"axis\": \"({})\"}}""#, many("0", COUNT));
            let attrs = format!(",\"op_attrs\":[\"list_str\",[{text}]]");
            symbol_of(&chain(0).replace("relu", "squeeze"), &attrs)
        }),
        ("attributes", {
            let member = r#"\"axis\":\"1\""#;
            let text = format!("\"{{{}}}\"", many(member, COUNT / 4));
            let attrs = format!(",\"op_attrs\":[\"list_str\",[{text}]]");
            symbol_of(&chain(0).replace("relu", "sum"), &attrs)
        }),
    ];
    for (name, symbol) in cases {
        println!("{name}: {} bytes", symbol.len());
        assert!(!check(&symbol, &params), "{name} was accepted");
    }
    // The smallest text for the most graph: a long chain that is accepted.
    let count = (1 << 16) + 1;
    let nodes: Vec<String> = (0..count).map(chain).collect();
    let null = null.replace("\"\"", "\"data\"");
    let list = |item: &str| many(item, count + 1);
    let symbol = format!(
        "{{\"nodes\":[{null},{}],\"heads\":[[0,0]],\"version\":\"cvm_1.1.0\",\"attrs\":{{\
         \"op_attrs\":[\"list_str\",[{}]],\"shape\":[\"list_shape\",[{}]],\
         \"storage_id\":[\"list_int\",[{}]],\"precision\":[\"list_int\",[{}]]}}}}",
        nodes.join(","),
        list("\"{}\""),
        list("[1]"),
        (0..=count).map(|i| i.to_string()).collect::<Vec<_>>().join(","),
        list("8"),
    );
    assert!(check(symbol.as_bytes(), &empty_params()));
}

/// A params file without arrays.
fn empty_params() -> Vec<u8> {
    let mut bytes = 0xF7E5_8D4F_0504_9CB7u64.to_le_bytes().to_vec();
    bytes.extend([0; 24]);
    bytes
}
