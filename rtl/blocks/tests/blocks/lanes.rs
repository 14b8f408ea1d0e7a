//! The lane rotators, exhaustively for small sizes.

use myelin_hdl::{module, u};
use myelin_rtl::prim::{bundle, lanes};

use crate::bench::Bench;

#[test]
fn taking_gives_the_lanes_from_any_position_on() {
    for amount_width in 1..=5 {
        let length = 1usize << amount_width;
        for wanted in 1..=length / 2 {
            let block = module("take", |m| {
                let from = bundle::inputs(m, "lane", length, u(6));
                let amount = m.input("amount_i", u(amount_width));
                bundle::outputs(m, "taken", &lanes::take_from(&from, amount, wanted));
            });
            let mut bench = Bench::new(&block);
            let values: Vec<i64> = (0..length as i64).map(|lane| lane * 5 % 64).collect();
            bench.set_all("lane", &values);
            for amount in 0..length {
                bench.set("amount_i", amount as i64);
                let expected: Vec<i64> = (0..wanted).map(|lane| values[(amount + lane) % length]).collect();
                assert_eq!(bench.get_all("taken", wanted), expected, "{wanted} of {length} from {amount}");
            }
        }
    }
}

#[test]
fn placing_puts_the_lanes_at_any_position() {
    for amount_width in 1..=5 {
        let length = 1usize << amount_width;
        for count in 1..=length / 2 {
            let block = module("place", |m| {
                let given = bundle::inputs(m, "lane", count, u(6));
                let amount = m.input("amount_i", u(amount_width));
                let placed = lanes::place_at(&given, amount);
                assert_eq!(placed.len(), length, "every position has a lane");
                bundle::outputs(m, "placed", &placed);
            });
            let mut bench = Bench::new(&block);
            let values: Vec<i64> = (0..count as i64).map(|lane| 63 - lane).collect();
            bench.set_all("lane", &values);
            for amount in 0..length {
                bench.set("amount_i", amount as i64);
                let placed = bench.get_all("placed", length);
                for (lane, &value) in values.iter().enumerate() {
                    assert_eq!(placed[(amount + lane) % length], value, "{count} of {length} at {amount}, lane {lane}");
                }
            }
        }
    }
}

#[test]
fn bundles_carry_each_lane_under_its_own_number() {
    let child = module("child", |m| {
        let values = bundle::inputs(m, "value", 3, u(8));
        let swapped = [values[2], values[0], values[1]];
        bundle::outputs(m, "value", &swapped);
    });
    let parent = module("parent", |m| {
        let values = bundle::inputs(m, "in", 3, u(8));
        let child = m.instance("child", &child);
        bundle::connect(&child, "value", &values);
        bundle::outputs(m, "out", &bundle::of(&child, "value", 3));
    });
    let mut bench = Bench::new(&parent);
    bench.set_all("in", &[10, 20, 30]);
    assert_eq!(bench.get_all("out", 3), [30, 10, 20]);
}

#[test]
#[should_panic(expected = "at most half the lanes")]
fn taking_more_than_half_is_refused() {
    module("take", |m| {
        let from = bundle::inputs(m, "lane", 4, u(1));
        let amount = m.input("amount_i", u(2));
        lanes::take_from(&from, amount, 3);
    });
}
