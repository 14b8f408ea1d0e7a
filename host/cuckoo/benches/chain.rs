//! The Cortex chain's graphs, 30 edge bits with SipHash-4-8: a real block's solved whole, and how soon a search
//! ends when it is cancelled.
//!
//! ```sh
//! cargo bench -p myelin-cuckoo --bench chain -- solve 8G          # in so much memory, on all threads
//! cargo bench -p myelin-cuckoo --bench chain -- solve 2G 1        # on one thread
//! cargo bench -p myelin-cuckoo --bench chain -- cancel 8G 1 40    # cancelled 40 times
//! ```
//! Time on the clock depends on what else the machine does; that of the CPU does not, much. The block is number
//! 6,839,772, recorded in `verification/vectors/cortex.json`: its proof must be found.

use std::time::{Duration, Instant};

use myelin_cuckoo::{Cancel, Error, Event, Keys, Options, Parameters, Solver};

/// What the command line asks for.
struct Wanted {
    command: String,
    options: Options,
    count: u64,
}

/// Reads `solve|cancel [MEMORY] [THREADS] [COUNT]`.
fn wanted() -> Option<Wanted> {
    // Cargo adds --bench.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let gigabytes = words.get(1).map_or("8G", String::as_str).strip_suffix('G')?.parse::<u64>().ok()?;
    let threads = match words.get(2) {
        Some(threads) => threads.parse().ok()?,
        None => std::thread::available_parallelism().ok()?,
    };
    let count = words.get(3).map_or(Some(20), |count| count.parse().ok())?;
    let options = Options { threads, memory_limit: gigabytes << 30, ..Options::default() };
    Some(Wanted { command: words.first()?.clone(), options, count })
}

/// The recorded block's keys and proof.
fn recorded() -> (Keys, Vec<u64>) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../verification/vectors/cortex.json");
    let text = std::fs::read(path).expect("the repository's vectors");
    let vectors: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let case = &vectors["proofs"][0];
    let hex = |name: &str| case[name].as_str().expect("hexadecimal");
    let digits = hex("seal_hash").as_bytes().chunks(2).map(|two| std::str::from_utf8(two).expect("digits"));
    let mut header: Vec<u8> = digits.map(|two| u8::from_str_radix(two, 16).expect("digits")).collect();
    let nonce = u64::from_str_radix(hex("nonce"), 16).expect("digits");
    header.extend(nonce.to_le_bytes());
    let edges = case["proof"].as_array().expect("a list").iter();
    (Keys::of_header(&header), edges.map(|edge| edge.as_u64().expect("an edge")).collect())
}

/// A line of what the system says of this process, without its name.
fn of_process(name: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.map_or("unknown".to_owned(), |rest| rest.trim_start_matches(':').trim().to_owned())
}

/// CPU seconds of all threads, user and system.
fn cpu_seconds() -> f64 {
    let mut usage = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value of the type asked for.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut usage) };
    Duration::new(usage.tv_sec as u64, usage.tv_nsec as u32).as_secs_f64()
}

fn solve(options: &Options) {
    let (keys, proof) = recorded();
    let mut solver = Solver::new(Parameters::CORTEX, options).expect("a plan within the memory");
    println!("{:?}, {} threads, {}", solver.memory(), options.threads, solver.path());
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    let mut rounds = 0;
    let found = solver.solve(&keys, &Cancel::new(), &mut |event| match event {
        Event::Round { round, alive } => {
            rounds = round + 1;
            if round < 8 {
                println!("round {round}: {alive} alive, {:.1} s", begun.elapsed().as_secs_f64());
            }
        }
        other => println!("{other:?} after {rounds} rounds, {:.1} s", begun.elapsed().as_secs_f64()),
    });
    let found = found.expect("a fair graph");
    assert!(found.contains(&proof), "the block's proof is not among those found");
    let (wall, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let peak = of_process("VmHWM");
    println!("solved: {} proofs, the block's among them; {wall:.1} s, {cpu:.1} CPU s, {peak} at most", found.len());
}

/// Cancels searches at times that spread over a whole one.
fn cancel(options: &Options, count: u64) {
    let (keys, _) = recorded();
    let mut solver = Solver::new(Parameters::CORTEX, options).expect("a plan within the memory");
    println!("{:?}, {} threads, {}", solver.memory(), options.threads, solver.path());
    let (mut waits, mut works) = (Vec::new(), Vec::new());
    // The first search also takes the memory from the system.
    for turn in 0..count {
        let cancel = Cancel::new();
        let after = Duration::from_millis(10 + turn * turn * 20);
        let (wait, work, ended) = std::thread::scope(|scope| {
            let search = scope.spawn(|| solver.solve(&keys, &cancel, &mut |_| {}));
            std::thread::sleep(after);
            let (thrown, cpu) = (Instant::now(), cpu_seconds());
            cancel.cancel();
            let ended = search.join().expect("no panic");
            (thrown.elapsed().as_secs_f64() * 1e3, (cpu_seconds() - cpu) * 1e3, ended)
        });
        if ended == Err(Error::Cancelled) {
            println!("cancelled after {:.2} s: ended within {wait:.2} ms, {work:.2} of the CPU", after.as_secs_f64());
            waits.push(wait);
            works.push(work);
        }
    }
    for (of, mut times) in [("on the clock", waits), ("of the CPU", works)] {
        times.sort_by(f64::total_cmp);
        if let (Some(median), Some(longest)) = (times.get(times.len() / 2), times.last()) {
            println!("{} searches cancelled: {of} median {median:.2} ms, longest {longest:.2} ms", times.len());
        }
    }
}

fn main() {
    match wanted() {
        Some(Wanted { command, options, .. }) if command == "solve" => solve(&options),
        Some(Wanted { command, options, count }) if command == "cancel" => cancel(&options, count),
        // So that a plain `cargo bench` measures what is quick only.
        _ => println!("-- solve|cancel [MEMORY, as 8G] [THREADS] [COUNT]"),
    }
}
