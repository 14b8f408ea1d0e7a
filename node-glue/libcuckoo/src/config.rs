//! Threads, memory and size, from the environment.

use std::num::NonZeroUsize;

use myelin_cuckoo::{Algorithm, Options, Parameters, Sip, Variant};

use crate::PROOF_SIZE;

/// Most threads that can be asked for.
const THREADS_MAX: usize = 1024;
/// Edge bits of the chain.
const EDGE_BITS: u32 = 30;

/// What was asked for, as far as it makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What the solver is told.
    pub options: Options,
    /// Binary logarithm of the number of edges.
    pub edge_bits: u32,
}

impl Settings {
    /// As the environment says.
    pub fn from_environment() -> Settings {
        Settings::new(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn new(variable: impl Fn(&str) -> Option<String>) -> Settings {
        let all = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let threads = variable("MYELIN_THREADS").map_or(all, |text| {
            let threads = text.parse().ok().filter(|threads: &NonZeroUsize| threads.get() <= THREADS_MAX);
            threads.unwrap_or_else(|| {
                complain(&format!("MYELIN_THREADS {text:?} is no number from 1 to {THREADS_MAX}: using {all}"));
                all
            })
        });
        let defaults = Options::default();
        let memory_limit = variable("MYELIN_MEMORY").map_or(defaults.memory_limit, |text| {
            memory(&text).unwrap_or_else(|| {
                complain(&format!("MYELIN_MEMORY {text:?} is no number of bytes as in 4G: using 8G"));
                defaults.memory_limit
            })
        });
        let edge_bits = variable("MYELIN_CUCKOO_EDGE_BITS").map_or(EDGE_BITS, |text| {
            text.parse().ok().filter(|bits| (10..=32).contains(bits)).unwrap_or_else(|| {
                complain(&format!("MYELIN_CUCKOO_EDGE_BITS {text:?} is no number from 10 to 32: using {EDGE_BITS}"));
                EDGE_BITS
            })
        });
        let options = Options { threads, memory_limit, algorithm: Algorithm::Auto, path: None };
        Settings { options, edge_bits }
    }

    /// Which graphs.
    pub fn parameters(&self) -> Parameters {
        Parameters::new(Variant::Cuckaroo, Sip::FourEight, self.edge_bits, PROOF_SIZE)
            .expect("invariant: sizes are checked when they are read")
    }
}

fn memory(text: &str) -> Option<u64> {
    let shift = match text.bytes().last()?.to_ascii_uppercase() {
        b'K' => 10,
        b'M' => 20,
        b'G' => 30,
        _ => return text.parse().ok(),
    };
    text[..text.len() - 1].parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// Says something to whoever looks at standard error.
pub fn complain(text: &str) {
    use std::io::Write;
    // A miner without standard error does without this.
    let _ = writeln!(std::io::stderr(), "libcudaminer (myelin): {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_nonsense_falls_back() {
        let settings = |threads: &str, memory: &str, bits: &str| {
            let values = [threads, memory, bits].map(str::to_owned);
            let names = ["MYELIN_THREADS", "MYELIN_MEMORY", "MYELIN_CUCKOO_EDGE_BITS"];
            Settings::new(|name| names.iter().position(|&known| known == name).map(|at| values[at].clone()))
        };
        let read = settings("3", "2g", "12");
        assert_eq!((read.options.threads.get(), read.options.memory_limit, read.edge_bits), (3, 2 << 30, 12));
        let defaults = Settings::new(|_| None);
        assert_eq!((defaults.options.memory_limit, defaults.parameters()), (8 << 30, Parameters::CORTEX));
        for (threads, memory, bits) in [("0", "G", "9"), ("many", "-1", "33"), ("1025", "99999999999G", "é")] {
            assert_eq!(settings(threads, memory, bits), defaults);
        }
    }
}
