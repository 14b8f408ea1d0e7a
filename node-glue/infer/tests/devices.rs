//! A node on several devices, of which some are busy, fail, lie or vanish.
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::faulty::{Control, Fault, PROBED_AT_ONCE, devices_with, digits, set_fault};
use myelin_infer::{DeviceEngine, Engine, ProbeIntervals, QuarantineReason};
use myelin_isa::Precision;

const LONG: Duration = Duration::from_secs(600);
const NEVER: ProbeIntervals = ProbeIntervals { first: LONG, longest: LONG };

fn devices(count: usize, check_every: u32, probes: ProbeIntervals) -> (DeviceEngine, Vec<Arc<Mutex<Control>>>) {
    devices_with(&vec![Precision::Int8; count], check_every, LONG, probes)
}

fn starts(control: &Mutex<Control>) -> u32 {
    control.lock().unwrap().starts
}

#[test]
fn inputs_that_come_together_are_shared_out() {
    let (engine, controls) = devices(3, 1000, NEVER);
    assert_eq!(engine.name().split(' ').count(), 3);
    let digits = digits("digits_int8", &engine);
    // Each is held up until all three have one.
    controls.iter().for_each(|control| set_fault(control, Some(Fault::Blocks)));
    std::thread::scope(|scope| {
        let answers: Vec<_> = (0..3)
            .map(|index| {
                scope.spawn({
                    let digits = &digits;
                    move || digits.is_right(index)
                })
            })
            .collect();
        while controls.iter().any(|control| starts(control) == 0) {
            std::thread::sleep(Duration::from_millis(1));
        }
        controls.iter().for_each(|control| set_fault(control, None));
        assert!(answers.into_iter().all(|answer| answer.join().unwrap()));
    });
    assert_eq!(engine.faults().load(Ordering::Relaxed), 0);
}

#[test]
fn two_models_stay_on_the_devices_that_have_them() {
    let (engine, controls) = devices(2, 1000, NEVER);
    let (eight, six) = (digits("digits_int8", &engine), digits("digits_int6", &engine));
    for index in 0..6 {
        assert!(eight.is_right(index) && six.is_right(index), "{index}");
    }
    // A start to load each, and one for each input.
    assert_eq!([starts(&controls[0]), starts(&controls[1])], [7, 7]);
}

#[test]
fn another_device_answers_for_one_that_fails_lies_or_is_gone() {
    for (fault, reason) in [
        (Fault::Gone, QuarantineReason::Gone),
        (Fault::Panics, QuarantineReason::Panicked),
        (Fault::WrongBit, QuarantineReason::Wrong),
        (Fault::Fails, QuarantineReason::Failing),
    ] {
        let (engine, controls) = devices(2, 1, NEVER);
        let digits = digits("digits_int8", &engine);
        set_fault(&controls[0], Some(fault));
        for index in 0..8 {
            assert!(digits.is_right(index), "{fault:?} {index}");
        }
        let health = engine.devices();
        assert_eq!((health[0].quarantine(), health[1].quarantine()), (Some(reason), None), "{fault:?}");
        assert_eq!((health[1].faults(), engine.faults().load(Ordering::Relaxed)), (0, health[0].faults()), "{fault:?}");
        // One start to load it; of the inputs only a lie was not asked of it.
        assert_eq!(starts(&controls[1]), 1 + 8 - u32::from(fault == Fault::WrongBit), "{fault:?}");
        // Without any the processor answers.
        set_fault(&controls[1], Some(Fault::Gone));
        assert!(digits.is_right(8) && digits.is_right(9), "{fault:?}");
        assert!(engine.devices().iter().all(|health| health.quarantine().is_some()), "{fault:?}");
    }
}

#[test]
fn one_that_comes_back_takes_its_share_again() {
    let (engine, controls) = devices(2, 1, PROBED_AT_ONCE);
    let digits = digits("digits_int8", &engine);
    set_fault(&controls[0], Some(Fault::Gone));
    assert!(digits.is_right(0));
    assert!(engine.devices()[0].quarantines() == 1);
    set_fault(&controls[0], None);
    while engine.devices()[0].quarantine().is_some() {
        std::thread::sleep(Duration::from_millis(1));
    }
    set_fault(&controls[1], Some(Fault::Gone));
    let before = starts(&controls[0]);
    assert!(digits.is_right(1));
    assert!(starts(&controls[0]) > before, "the processor was not needed");
}

#[test]
fn devices_of_different_precision_each_get_what_they_can_run() {
    let precisions = [Precision::Int6, Precision::Int8];
    let (engine, controls) = devices_with(&precisions, 1000, LONG, NEVER);
    let (eight, six) = (digits("digits_int8", &engine), digits("digits_int6", &engine));
    for index in 0..4 {
        assert!(eight.is_right(index) && six.is_right(index), "{index}");
    }
    assert!(starts(&controls[0]) > 0 && starts(&controls[1]) > 0);
    assert_eq!(engine.faults().load(Ordering::Relaxed), 0);
}
