//! Parts of the edge-trimming core alone: the hash, the networks.

use std::collections::VecDeque;

use myelin_golden::cuckoo as golden;
use myelin_isa::cuckoo::Sip;
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
                bench.set_all("state", &keys);
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
