//! Parts of the edge-trimming core alone: the hash, the networks.

use std::collections::VecDeque;

use myelin_golden::cuckoo as golden;
use myelin_isa::cuckoo::Sip;
use myelin_rtl::cuckoo::edge_scan::{LATENCY, edge_scan};
use myelin_rtl::cuckoo::network::{Network, network};
use myelin_rtl::cuckoo::sip_pipeline::{End, TERMS, sip_pipeline};
use rand::RngExt;

use crate::bench::{Bench, chance, random};

#[test]
fn a_word_is_hashed_as_golden_does_one_a_cycle() {
    hashes_as_golden_does(End::State, "state", 4);
    hashes_as_golden_does(End::Hash, "term", TERMS);
}

fn hashes_as_golden_does(end: End, words: &str, count: usize) {
    for (sip, golden_sip) in [(Sip::TwoFour, golden::Sip::TwoFour), (Sip::FourEight, golden::Sip::FourEight)] {
        for (rotation, golden_rotation) in [(21, golden::Rotation::By21), (25, golden::Rotation::By25)] {
            let mut bench = Bench::new(&sip_pipeline(sip, rotation, 33, 6, end));
            let mut random = random(u64::from(rotation));
            let mut inside = VecDeque::new();
            for cycle in 0..200 {
                let valid = chance(&mut random, 80);
                let keys: [u64; 4] = [(); 4].map(|()| random.random());
                let word = random.random::<u64>() >> 31;
                bench.set("valid_i", i64::from(valid));
                let [v0, v1, v2, v3] = keys;
                bench.set_all("state", &[v0, v1, v2, v3 ^ word]);
                bench.set("word_i", word);
                bench.set("tag_i", cycle % 64);
                inside.push_back((valid, keys, word, i64::from(cycle % 64)));
                bench.step();
                if inside.len() < sip.stages() as usize {
                    continue;
                }
                let (valid, keys, word, tag) = inside.pop_front().unwrap();
                assert_eq!(bench.get("valid_o"), i64::from(valid));
                if valid {
                    let hash = bench.get_all(words, count).iter().fold(0, |hash, &word| hash ^ word as u64);
                    assert_eq!(hash, golden::siphash(golden::Keys(keys), word, golden_sip, golden_rotation));
                    assert_eq!((bench.get("word_o") as u64, bench.get("tag_o")), (word, tag));
                }
            }
        }
    }
}

#[test]
fn every_edge_alive_is_scanned_once_in_order_and_one_a_cycle() {
    for (share, valid, ready) in [(50, 100, 100), (2, 100, 100), (100, 100, 100), (10, 60, 60), (2, 40, 90)] {
        let mut bench = Bench::new(&edge_scan(5));
        let mut random = random(u64::from(share));
        let mut expected = VecDeque::new();
        // A block that is offered stays until it is taken.
        let mut block: Option<u64> = None;
        let (mut blocks, mut edges, mut first) = (0, 0, None);
        for cycle in 0..2000 {
            if block.is_none() && chance(&mut random, valid) {
                let alive = (0..64).fold(0u64, |alive, k| alive | u64::from(chance(&mut random, share)) << k);
                // A block of one edge takes two cycles.
                let (one, distance) = (random.random_range(0..64), random.random_range(1..64));
                let other = if (valid, ready) == (100, 100) { (one + distance) % 64 } else { one };
                block = Some(alive | 1 << one | 1 << other);
            }
            bench.set("block_valid_i", i64::from(block.is_some()));
            bench.set("block_alive_i", block.unwrap_or_default());
            bench.set("block_tag_i", blocks % 32);
            bench.set("edge_ready_i", i64::from(chance(&mut random, ready)));
            if bench.get("edge_valid_o") == 1 {
                first = first.or(Some(cycle));
                if bench.is_set("edge_ready_i") {
                    let found = ["edge_tag_o", "edge_position_o", "edge_last_o"].map(|name| bench.get(name));
                    assert_eq!(Some(found), expected.pop_front(), "cycle {cycle}");
                    edges += 1;
                }
            }
            if bench.get("block_ready_o") == 1
                && let Some(alive) = block.take()
            {
                let positions: Vec<i64> = (0..64).filter(|k| alive >> k & 1 == 1).collect();
                let last = positions.len() - 1;
                expected
                    .extend(positions.into_iter().enumerate().map(|(k, at)| [blocks % 32, at, i64::from(k == last)]));
                blocks += 1;
            }
            bench.step();
        }
        assert!(edges > 100);
        if (valid, ready) == (100, 100) {
            assert_eq!((first, edges), (Some(LATENCY as i64), 2000 - LATENCY as i64), "an edge a cycle");
        }
    }
}

#[test]
fn every_message_comes_once_in_order_to_the_output_that_it_names() {
    for (inputs, outputs) in [(1, 2), (2, 2), (4, 8), (4, 16), (8, 4), (8, 8), (8, 1), (2, 1)] {
        for (depth, push, pop) in [(2, 100, 100), (4, 70, 40), (2, 30, 100)] {
            let config = Network { inputs, outputs, low: 2, lanes: 2, lane_width: 24, depth };
            let mut bench = Bench::new(&network(config));
            let mut random = random((inputs * 100 + outputs) as u64);
            // Messages on their way, for each pair of input and output.
            let mut inside = vec![VecDeque::new(); inputs * outputs];
            let mut offered: Vec<Option<[i64; 2]>> = vec![None; inputs];
            let (mut sent, mut received) = (0i64, 0);
            for cycle in 0..1200 {
                let feeding = cycle < 600;
                for (i, offered) in offered.iter_mut().enumerate() {
                    if feeding && offered.is_none() && chance(&mut random, push) {
                        let output = random.random_range(0..outputs as i64);
                        *offered =
                            Some([output << 2 | (random.random_range(0..4) + (sent << 8 & 0xff_0000)), i as i64]);
                        sent += 1;
                    }
                    bench.set(&format!("push_{i}_valid_i"), i64::from(offered.is_some()));
                    bench.set_all(&format!("push_{i}"), &offered.unwrap_or_default());
                }
                for o in 0..outputs {
                    bench.set(&format!("pop_{o}_ready_i"), i64::from(!feeding || chance(&mut random, pop)));
                }
                let taken: Vec<bool> = (0..inputs).map(|i| bench.get(&format!("push_{i}_ready_o")) == 1).collect();
                for o in 0..outputs {
                    let ready = bench.get(&format!("pop_{o}_valid_o")) == 1;
                    let open = bench.is_set(&format!("pop_{o}_ready_i"));
                    if ready && open {
                        let message = bench.get_all(&format!("pop_{o}"), 2);
                        let expected = inside[message[1] as usize * outputs + o].pop_front();
                        assert_eq!(expected, Some(message), "{inputs} to {outputs}, cycle {cycle}");
                        received += 1;
                    }
                }
                bench.step();
                for (i, offered) in offered.iter_mut().enumerate().filter(|(i, _)| taken[*i]) {
                    if let Some(message) = offered.take() {
                        let output = (message[0] >> 2) as usize % outputs;
                        inside[i * outputs + output].push_back(message.to_vec());
                    }
                }
            }
            assert_eq!((sent, bench.get("busy_o")), (received, 0), "{inputs} to {outputs}");
            assert!(sent > 100);
        }
    }
}
