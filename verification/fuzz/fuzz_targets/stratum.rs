//! A pool's bytes: as lines of both dialects, and split into lines by the reader that bounds them.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use myelin_pow::wire::{LINE_BYTES_MAX, LineReader, Message, cortex, grin};
use myelin_pow::{Chain, Judgement, Rules, Work};

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers"));

/// Whatever is read as work can be worked on, and nothing but a proof is a share.
fn work_on(chain: Chain, work: &Work) {
    let rules = Rules::new(chain, 10, 8).expect("sizes within the range");
    let proof: Vec<u64> = (0..8).map(|edge| work.keys(edge).0[0] % 1024).collect();
    let judged = work.judge(&rules, work.height().unwrap_or(7), &proof);
    assert!(!matches!(judged, Judgement::Share) || proof.is_sorted());
    assert!(work.is_same(work) && work.is_same_block(work));
}

fuzz_target!(|bytes: &[u8]| {
    let mut lines = LineReader::new(bytes);
    while let Ok(line) = RUNTIME.block_on(lines.next()) {
        assert!(line.len() <= LINE_BYTES_MAX + 4096 && !line.contains(&b'\n'));
        if let Ok(Message::Job(work)) = cortex::read(line) {
            work_on(Chain::Cortex, &work);
        }
        if let Ok(Message::Job(work)) = grin::read(line) {
            work_on(Chain::Grin, &work);
        }
    }
});
