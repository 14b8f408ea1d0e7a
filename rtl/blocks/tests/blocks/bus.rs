//! Arbiter, RAM and device memory under random traffic, against plain arrays.

use std::collections::VecDeque;

use myelin_rtl::board::device_memory::{ANSWER, device_memory};
use myelin_rtl::bus::{Cut, arbiter, ram};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::bench::{Bench, chance, random};

/// What a manager asks for: address, data and enables of a write or none of a read.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Wish {
    address: u32,
    write: Option<(u32, u32)>,
}

impl Wish {
    fn random(random: &mut ChaCha8Rng, bytes: u32) -> Wish {
        let address = random.random_range(0..bytes) & !3;
        let write = chance(random, 50).then(|| (random.random(), random.random_range(1..16)));
        Wish { address, write }
    }

    /// Puts it on a bundle of ports.
    fn offer(wish: Option<Wish>, bench: &mut Bench, name: &str) {
        bench.set(&format!("{name}_valid_i"), i64::from(wish.is_some()));
        let Some(wish) = wish else { return };
        let (data, enables) = wish.write.unwrap_or((0, 0));
        bench.set(&format!("{name}_write_i"), i64::from(wish.write.is_some()));
        bench.set(&format!("{name}_address_i"), wish.address);
        bench.set(&format!("{name}_data_i"), data);
        bench.set(&format!("{name}_enables_i"), enables);
    }

    /// Does it to an array of bytes; the word there before.
    fn apply(self, memory: &mut [u8]) -> u32 {
        let at = self.address as usize;
        let word = u32::from_le_bytes(memory[at..at + 4].try_into().unwrap());
        if let Some((data, enables)) = self.write {
            for (byte, value) in data.to_le_bytes().into_iter().enumerate().filter(|(byte, _)| enables >> byte & 1 == 1)
            {
                memory[at + byte] = value;
            }
        }
        word
    }
}

#[test]
fn managers_take_turns_and_nothing_on_the_bus_changes_before_it_is_carried_out() {
    for (seed, managers) in (0..).zip([2usize, 3, 4]) {
        let mut random = random(seed);
        let mut bench = Bench::new(&arbiter(managers, Cut::Requests));
        let mut wishes: Vec<Option<Wish>> = vec![None; managers];
        // Requests of each other manager carried out since this one began to wait.
        let mut seen = vec![vec![0; managers]; managers];
        let mut on_bus: Option<usize> = None;
        let mut done = vec![0; managers];
        for cycle in 0..4000 {
            let eager = [5, 50, 100][cycle / 500 % 3];
            for (manager, wish) in wishes.iter_mut().enumerate() {
                if wish.is_none() && chance(&mut random, eager) {
                    let fresh = Wish::random(&mut random, 1 << 20);
                    // The address says whose it is.
                    *wish = Some(Wish { address: fresh.address & 0xffff | (manager as u32) << 16, ..fresh });
                    seen[manager].fill(0);
                }
                Wish::offer(*wish, &mut bench, &format!("manager_{manager}"));
            }
            let ready = chance(&mut random, 40);
            bench.set("bus_ready_i", i64::from(ready));
            let valid = bench.get("bus_valid_o") == 1;
            assert_eq!(valid, wishes.iter().any(Option::is_some), "seed {seed} cycle {cycle}");
            if valid {
                let manager = (bench.get("bus_address_o") >> 16) as usize;
                let wish = wishes[manager].unwrap();
                assert_eq!(bench.get("bus_address_o"), i64::from(wish.address), "seed {seed} cycle {cycle}");
                if let Some((data, enables)) = wish.write {
                    let said = (bench.get("bus_data_o"), bench.get("bus_enables_o"));
                    assert_eq!(said, (i64::from(data), i64::from(enables)), "seed {seed} cycle {cycle}");
                }
                assert_eq!(on_bus.unwrap_or(manager), manager, "seed {seed} cycle {cycle}: taken off the bus");
                for other in 0..managers {
                    let answered = bench.get(&format!("manager_{other}_ready_o")) == 1;
                    assert_eq!(answered, ready && other == manager, "seed {seed} cycle {cycle}");
                }
                on_bus = (!ready).then_some(manager);
                if ready {
                    wishes[manager] = None;
                    done[manager] += 1;
                    for waiting in (0..managers).filter(|&other| wishes[other].is_some()) {
                        seen[waiting][manager] += 1;
                        // One that was on the bus already, and one turn.
                        assert!(seen[waiting][manager] <= 2, "seed {seed} cycle {cycle}: {waiting} starves");
                    }
                }
            }
            bench.step();
        }
        assert!(done.iter().all(|&done| done > 100), "{done:?}");
        bench.assert_covered();
    }
}

#[test]
fn ram_holds_bytes_and_begins_with_its_contents() {
    let mut random = random(1);
    let contents: Vec<u8> = (0..100).map(|_| random.random()).collect();
    let mut bench = Bench::new(&ram("ram", 256, &contents, Cut::Requests));
    let mut memory = contents;
    memory.resize(256, 0);
    for access in 0..2000 {
        let wish = Wish::random(&mut random, 256);
        let mut word = 0;
        Wish::offer(Some(wish), &mut bench, "bus");
        assert_eq!(bench.get("bus_ready_o"), 0, "a cycle is needed");
        bench.step();
        assert_eq!(bench.get("bus_ready_o"), 1, "access {access}");
        word += wish.apply(&mut memory);
        if wish.write.is_none() {
            assert_eq!(bench.get("bus_data_o"), i64::from(word), "access {access}");
        }
        bench.step();
        if chance(&mut random, 50) {
            Wish::offer(None, &mut bench, "bus");
            bench.step();
        }
    }
}

/// Whether a beat comes from memory, which must be the oldest asked for.
fn loaded(bench: &mut Bench, expected: &mut VecDeque<Vec<u8>>, cycle: u32) -> bool {
    if bench.get("response_valid_o") == 0 {
        return false;
    }
    let beat = expected.pop_front().unwrap_or_else(|| panic!("cycle {cycle}: nothing was asked for"));
    let found: Vec<u8> = bench.get_all("response", beat.len()).into_iter().map(|lane| lane as u8).collect();
    assert_eq!(found, beat, "lanes {} cycle {cycle}", beat.len());
    true
}

#[test]
fn device_memory_serves_cell_and_bus_and_answers_in_order() {
    for (seed, lanes) in (0..).zip([8u32, 16]) {
        let (bytes, mut random) = (1024, random(seed));
        let mut bench = Bench::new(&device_memory(bytes, lanes));
        let mut memory = vec![0u8; bytes as usize];
        // All written once, so that nothing unknown is read.
        for address in (0..bytes).step_by(4) {
            let wish = Wish { address, write: Some((random.random(), 15)) };
            Wish::offer(Some(wish), &mut bench, "bus");
            wish.apply(&mut memory);
            (0..=ANSWER).for_each(|_| bench.step());
        }
        let mut answer: Option<(u32, u32)> = None;
        let mut wish: Option<Wish> = None;
        let mut expected: VecDeque<Vec<u8>> = VecDeque::new();
        let (mut load, mut store) = (None, None);
        let (mut loads, mut stores, mut acknowledged) = (0, 0, 0);
        Wish::offer(None, &mut bench, "bus");
        bench.step();
        for cycle in 0..4000 {
            let beat = |random: &mut ChaCha8Rng| random.random_range(0..bytes / lanes);
            if wish.is_none() && chance(&mut random, 30) {
                wish = Some(Wish::random(&mut random, bytes));
            }
            if load.is_none() && chance(&mut random, 80) {
                load = Some(beat(&mut random));
            }
            if store.is_none() && chance(&mut random, 30) {
                let data: Vec<u8> = (0..lanes).map(|_| random.random()).collect();
                store = Some((beat(&mut random), data));
            }
            Wish::offer(wish, &mut bench, "bus");
            bench.set("request_valid_i", i64::from(load.is_some()));
            bench.set("request_beat_i", load.unwrap_or(0));
            bench.set("store_valid_i", i64::from(store.is_some()));
            if let Some((beat, data)) = &store {
                bench.set("store_beat_i", *beat);
                bench.set_all("store", data);
            }
            let ready = chance(&mut random, 70);
            bench.set("response_ready_i", i64::from(ready));
            loads += u32::from(ready && loaded(&mut bench, &mut expected, cycle));
            acknowledged += bench.get("store_acknowledge_o");
            let answered = answer.is_some_and(|(due, _)| due == cycle);
            assert_eq!(bench.get("bus_ready_o"), i64::from(answered), "cycle {cycle}");
            // At most one of the three touches the memory in a cycle, and the bus comes first.
            if let (Some(access), None) = (wish, answer) {
                answer = Some((cycle + ANSWER as u32, access.apply(&mut memory)));
                assert_eq!((bench.get("store_ready_o"), bench.get("request_ready_o")), (0, 0), "cycle {cycle}");
            }
            if let (true, Some(access), Some((_, word))) = (answered, wish, answer) {
                if access.write.is_none() {
                    assert_eq!(bench.get("bus_data_o"), i64::from(word), "cycle {cycle}");
                }
                (wish, answer) = (None, None);
            }
            if bench.get("store_ready_o") == 1
                && let Some((beat, data)) = store.take()
            {
                memory[(beat * lanes) as usize..][..lanes as usize].copy_from_slice(&data);
                stores += 1;
            } else if bench.get("request_ready_o") == 1
                && let Some(beat) = load.take()
            {
                expected.push_back(memory[(beat * lanes) as usize..][..lanes as usize].to_vec());
            }
            bench.step();
        }
        acknowledged += bench.get("store_acknowledge_o");
        assert_eq!(stores, acknowledged, "every store is acknowledged once");
        assert!(loads > 500 && stores > 500, "{loads} {stores}");
    }
}
