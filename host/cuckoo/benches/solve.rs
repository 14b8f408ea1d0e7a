//! CPU seconds for one graph, with the yardstick by which machines compare: how fast one thread hashes
//! and moves memory, measured in the same run.
//!
//! ```sh
//! cargo bench -p myelin-cuckoo --bench solve            # 19, 24 and 27 edge bits
//! MYELIN_CUCKOO_BITS=19,29 cargo bench -p myelin-cuckoo --bench solve
//! MYELIN_CUCKOO_ONLY=cuckaroo cargo bench -p myelin-cuckoo --bench solve # mean trimming of one variant
//! ```
//! A time is also given in the yardstick: in how many plain hashes' time an edge of the graph is dealt with, which
//! compares with what another machine finds by its own. The figures beside are those recorded of the author's
//! solvers (AVX2, one thread, CPU seconds; see the issue's facts) on a machine of which no yardstick is recorded:
//! their ratio is one of times only. `reference` measures his solvers here, by the same yardstick. Every graph's alive counts are compared with those of another path or algorithm first, where
//! it is small enough.

use std::hint::black_box;
use std::time::Duration;

use myelin_cuckoo::{Algorithm, Cancel, Event, Keys, Options, Parameters, Path, Sip, Solver, Variant};

/// Edge bits, and the reference's CPU seconds: cuckatoo lean, cuckatoo mean, cuckaroo mean.
const REFERENCE: [(u32, [f64; 3]); 4] =
    [(19, [0.037, 0.008, 0.012]), (24, [1.24, 0.32, 0.46]), (27, [13.2, 3.8, 4.8]), (29, [89.0, 18.8, 21.3])];

/// CPU time of this process, all threads.
#[cfg(target_os = "linux")]
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value of the type asked for.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Wall clock time: this system's CPU time is not asked for.
#[cfg(not(target_os = "linux"))]
fn cpu_time() -> Duration {
    static BEGUN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    BEGUN.get_or_init(std::time::Instant::now).elapsed()
}

/// The least CPU time of so many runs, in seconds.
fn best(runs: usize, mut run: impl FnMut()) -> f64 {
    let mut least = Duration::MAX;
    for _ in 0..runs {
        let begun = cpu_time();
        run();
        least = least.min(cpu_time() - begun);
    }
    least.as_secs_f64()
}

/// One SipHash-2-4 after the other as plain code: what any machine can be measured by.
fn plain_siphash(keys: [u64; 4], word: u64) -> u64 {
    let mut v = keys;
    let round = |v: &mut [u64; 4]| {
        v[0] = v[0].wrapping_add(v[1]);
        v[2] = v[2].wrapping_add(v[3]);
        v[1] = v[1].rotate_left(13) ^ v[0];
        v[3] = v[3].rotate_left(16) ^ v[2];
        v[0] = v[0].rotate_left(32);
        v[2] = v[2].wrapping_add(v[1]);
        v[0] = v[0].wrapping_add(v[3]);
        v[1] = v[1].rotate_left(17) ^ v[2];
        v[3] = v[3].rotate_left(21) ^ v[0];
        v[2] = v[2].rotate_left(32);
    };
    v[3] ^= word;
    (0..2).for_each(|_| round(&mut v));
    v[0] ^= word;
    v[2] ^= 0xff;
    (0..4).for_each(|_| round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

/// Prints the yardstick; answers its hashes a second.
fn print_yardstick() -> f64 {
    let keys = [1, 2, 3, 4];
    let count = 1u64 << 24;
    let seconds = best(5, || {
        black_box((0..count).fold(0, |xor, word| xor ^ plain_siphash(keys, word)));
    });
    println!("plain SipHash-2-4, one thread   {:8.1} million/s", count as f64 / seconds / 1e6);
    let mut memory = vec![1u64; 1 << 26];
    let bytes = (memory.len() * 8) as f64;
    let write = best(4, || memory.fill(black_box(3)));
    let read = best(4, || {
        black_box(memory.iter().fold(0u64, |sum, word| sum.wrapping_add(*word)));
    });
    println!("memory written, one thread      {:8.1} GB/s", bytes / write / 1e9);
    println!("memory read, one thread         {:8.1} GB/s", bytes / read / 1e9);
    count as f64 / seconds
}

fn solver(parameters: Parameters, algorithm: Algorithm, path: Path) -> Solver {
    let options = Options { memory_limit: 20 << 30, algorithm, path: Some(path), ..Options::default() };
    Solver::new(parameters, &options).expect("a plan within the limit")
}

fn alive(solver: &mut Solver, keys: &Keys, rounds: u32) -> Vec<u64> {
    let mut alive = Vec::new();
    let mut note = |event| {
        if let Event::Round { alive: count, .. } = event {
            alive.push(count);
        }
    };
    solver.trim(keys, rounds, &Cancel::new(), &mut note).expect("a fair graph");
    alive
}

fn main() {
    let bits = std::env::var("MYELIN_CUCKOO_BITS").unwrap_or_else(|_| "19,24,27".to_owned());
    let bits: Vec<u32> = bits.split(',').map(|bits| bits.parse().expect("edge bits")).collect();
    let only = std::env::var("MYELIN_CUCKOO_ONLY").ok();
    let rate = only.is_none().then(print_yardstick);
    println!(
        "{:<24} {:>9} {:>12} {:>12} {:>12} {:>7}",
        "one graph, one thread", "path", "CPU s", "hashes/edge", "recorded, s", "ratio"
    );
    for bits in bits {
        let reference = REFERENCE.iter().find(|of| of.0 == bits).map(|of| of.1);
        for (kind, variant, sip, algorithm) in [
            (1, Variant::Cuckatoo, Sip::TwoFour, Algorithm::Mean),
            (2, Variant::Cuckaroo, Sip::TwoFour, Algorithm::Mean),
            (0, Variant::Cuckatoo, Sip::TwoFour, Algorithm::Lean),
        ] {
            let is_wanted = only.as_ref().is_none_or(|only| only == variant.name() && algorithm == Algorithm::Mean);
            if !is_wanted {
                continue;
            }
            let parameters = Parameters::new(variant, sip, bits, 42).expect("legal parameters");
            let mut path_times = Vec::new();
            for path in Path::available() {
                if path != Path::fastest() && (bits > 24 || only.is_some()) {
                    continue;
                }
                let mut solver = solver(parameters, algorithm, path);
                let keys = Keys([1, 2, 3, u64::from(bits)]);
                if bits <= 24 && path != Path::Portable {
                    let mut other = self::solver(parameters, Algorithm::Mean, Path::Portable);
                    assert_eq!(alive(&mut solver, &keys, 12), alive(&mut other, &keys, 12), "answers differ");
                }
                let runs = match bits {
                    ..=20 => 200,
                    21..=25 => 7,
                    26..=28 => 3,
                    _ => 2,
                };
                let mut nonce = 0;
                let seconds = best(runs, || {
                    nonce += 1;
                    let keys = Keys([nonce, 2, 3, u64::from(bits)]);
                    black_box(solver.solve(&keys, &Cancel::new(), &mut |_| {}).expect("a fair graph"));
                });
                path_times.push((path, seconds));
            }
            for (path, seconds) in path_times {
                let name = format!("{} {bits} {}", variant.name(), algorithm.name());
                let hashes = rate.map(|rate| seconds * rate / f64::from(bits).exp2());
                let hashes = hashes.map_or("-".to_owned(), |hashes| format!("{hashes:.2}"));
                let (recorded, ratio) = match reference.map(|reference| reference[kind]) {
                    Some(of) => (format!("{of:.3}"), format!("{:.2}", of / seconds)),
                    None => ("-".to_owned(), "-".to_owned()),
                };
                println!("{name:<24} {path:>9} {seconds:>12.5} {hashes:>12} {recorded:>12} {ratio:>7}");
            }
        }
    }
}
