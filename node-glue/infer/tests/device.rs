//! A node on a device that is sound, and on one that lies, hangs, vanishes, panics, and comes back.
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::cases;
use common::faulty::{Fault, PROBED_AT_ONCE, await_return, device, device_with, digits, is_quarantined, set_fault};
use myelin_graph::import::Limits;
use myelin_graph::{Conv2d, GraphBuilder, Op, Postprocess, Tensor};
use myelin_infer::{CpuEngine, Engine, EngineError, ErrorClass, Model, QuarantineReason};

#[test]
fn a_sound_device_answers_by_itself_and_models_take_turns_on_it() {
    let (engine, control) = device(1000);
    let (eight, six) = (digits("digits_int8", &engine), digits("digits_int6", &engine));
    for index in 0..6 {
        assert!(eight.is_right(index) && six.is_right(index), "{index}");
    }
    // A model is loaded whenever the other one ran last: a start to load, a start to run.
    assert_eq!(control.lock().unwrap().starts, 2 * 2 * 6);
    for index in 6..12 {
        assert!(six.is_right(index), "{index}");
    }
    assert_eq!(control.lock().unwrap().starts, 2 * 2 * 6 + 6);
    assert_eq!(engine.faults().load(Ordering::Relaxed), 0);
    assert!(!is_quarantined(&engine));
}

#[test]
fn every_recorded_case_keeps_its_answer_and_code_whatever_the_device_does() {
    let cases = cases();
    let faults =
        [Fault::WrongBit, Fault::Hangs, Fault::Fails, Fault::Gone, Fault::Panics, Fault::Exchanged, Fault::Stuck];
    for fault in std::iter::once(None).chain(faults.map(Some)) {
        let (engine, control) = device(1);
        control.lock().unwrap().fault = fault;
        for case in &cases {
            let answer = Model::load(&case.symbol, &case.params, &Limits::default(), &engine)
                .and_then(|model| model.run(&case.input));
            let (code, output) = match &answer {
                Ok(output) => (0, &output[..]),
                Err(error) => (error.class() as u64, &[][..]),
            };
            assert_eq!(code, case.code, "{fault:?}, {}: {answer:?}", case.name);
            assert!(code != 0 || output == case.output, "{fault:?}, {}", case.name);
        }
        let count = engine.faults().load(Ordering::Relaxed);
        assert_eq!((count > 0, is_quarantined(&engine)), (fault.is_some(), fault.is_some()), "{fault:?}: {count}");
        assert!(
            control.lock().unwrap().starts > 0 || matches!(fault, Some(Fault::Gone | Fault::Exchanged)),
            "{fault:?}"
        );
    }
}

#[test]
fn wrong_bits_are_found_by_the_sample_and_no_checked_answer_has_one() {
    for check_every in [1, 4] {
        let (engine, control) = device(check_every);
        let digits = digits("digits_int8", &engine);
        for index in 0..5 {
            assert!(digits.is_right(index), "{index}");
        }
        control.lock().unwrap().fault = Some(Fault::WrongBit);
        let wrong = (5..20).filter(|&index| !digits.is_right(index)).count();
        assert!(wrong < check_every as usize, "{wrong} wrong answers, one in {check_every} checked");
        assert!(is_quarantined(&engine));
        assert_eq!(engine.faults().load(Ordering::Relaxed), 1);
        // Until it is probed, a device that lied is not asked again.
        set_fault(&control, None);
        let starts = control.lock().unwrap().starts;
        assert!((20..30).all(|index| digits.is_right(index)));
        assert_eq!(control.lock().unwrap().starts, starts);
    }
}

#[test]
fn a_device_that_fails_once_is_tried_again_and_stays_in_use() {
    for (fault, faults) in [(Fault::Fails, 1), (Fault::Hangs, 1)] {
        let (engine, control) = device(1000);
        let digits = digits("digits_int8", &engine);
        assert!(digits.is_right(0));
        {
            let mut control = control.lock().unwrap();
            (control.fault, control.left) = (Some(fault), Some(1));
        }
        assert!((1..4).all(|index| digits.is_right(index)), "{fault:?}");
        assert_eq!(engine.faults().load(Ordering::Relaxed), faults, "{fault:?}");
        assert!(!is_quarantined(&engine), "{fault:?}");
        let before = control.lock().unwrap().starts;
        assert!(digits.is_right(4));
        assert_eq!(control.lock().unwrap().starts, before + 1, "{fault:?}");
    }
}

#[test]
fn verdicts_on_inputs_are_the_processors() {
    let (engine, control) = device(1);
    let digits = digits("digits_int8", &engine);
    for length in [0, 63, 65, 256] {
        let error = digits.model.run(&vec![1; length]).unwrap_err();
        assert!(matches!(error, EngineError::Refused { class: ErrorClass::Logic, .. }), "{length}: {error}");
    }
    assert_eq!(control.lock().unwrap().starts, 0);
    assert_eq!(engine.faults().load(Ordering::Relaxed), 0);
}

#[test]
fn threads_share_a_device() {
    let (engine, _) = device(7);
    let digits = digits("digits_int8", &engine);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let digits = &digits;
            scope.spawn(move || (0..8).for_each(|index| assert!(digits.is_right(8 * thread + index))));
        }
    });
    assert_eq!(engine.faults().load(Ordering::Relaxed), 0);
}

#[test]
fn a_device_that_is_gone_or_stuck_for_a_while_is_taken_back() {
    for (fault, reason) in [(Fault::Gone, QuarantineReason::Gone), (Fault::Stuck, QuarantineReason::Failing)] {
        let (engine, control) = device_with(1, Duration::from_secs(600), PROBED_AT_ONCE);
        let digits = digits("digits_int8", &engine);
        assert!(digits.is_right(0));
        set_fault(&control, Some(fault));
        for index in 1..6 {
            assert!(digits.is_right(index), "{fault:?} {index}");
        }
        assert_eq!(engine.devices()[0].quarantine(), Some(reason));
        set_fault(&control, None);
        await_return(&engine);
        let starts = control.lock().unwrap().starts;
        assert!(digits.is_right(6));
        assert_eq!(control.lock().unwrap().starts, starts + 2, "{fault:?}: loaded again, and run");
        assert_eq!(engine.devices()[0].quarantines(), 1, "{fault:?}");
    }
}

#[test]
fn a_device_that_lied_passes_probes_only_when_it_is_right_and_is_checked_for_ever() {
    let (engine, control) = device_with(1000, Duration::from_secs(600), PROBED_AT_ONCE);
    let digits = digits("digits_int8", &engine);
    set_fault(&control, Some(Fault::WrongBit));
    assert!(digits.is_right(0), "the first answer is checked");
    assert_eq!(engine.devices()[0].quarantine(), Some(QuarantineReason::Wrong));
    let before = control.lock().unwrap().starts;
    while control.lock().unwrap().starts < before + 8 {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(is_quarantined(&engine), "it has failed several probes");
    set_fault(&control, None);
    await_return(&engine);
    assert!(digits.is_right(1) && !is_quarantined(&engine));
    // One answer in a thousand would be checked, had it never lied.
    set_fault(&control, Some(Fault::WrongBit));
    assert!(digits.is_right(2));
    assert_eq!(engine.devices()[0].quarantines(), 2);
}

#[test]
fn a_device_that_never_comes_back_keeps_no_input_waiting() {
    let patience = Duration::from_millis(50);
    let (engine, control) = device_with(1, patience, PROBED_AT_ONCE);
    let digits = digits("digits_int8", &engine);
    set_fault(&control, Some(Fault::Blocks));
    // The link is blocked all the while, so every answer is the processor's.
    for index in 0..3 {
        assert!(digits.is_right(index), "{index}");
    }
    assert_eq!(engine.devices()[0].quarantine(), Some(QuarantineReason::Slow));
    let (starts, deadline) = (control.lock().unwrap().starts, Instant::now() + Duration::from_secs(60));
    let answer = digits.model.run_until(&digits.pictures[3], deadline).unwrap();
    assert_eq!(answer, digits.official[3]);
    assert_eq!(control.lock().unwrap().starts, starts, "it is not asked again");
    set_fault(&control, None);
    await_return(&engine);
}

#[test]
fn operators_that_the_device_lacks_are_the_processors_and_the_rest_is_the_devices() {
    let mut b = GraphBuilder::new();
    let weight: Vec<i8> = (0..4 * 4 * 9).map(|index| (index * 37 % 255 - 127) as i8).collect();
    let x = b.input(&[1, 4, 6, 6], 8).unwrap();
    let weight = b.param("weight", Tensor::from_i8(&[4, 4, 3, 3], weight).unwrap(), 8).unwrap();
    let x = b.conv2d("conv", x, weight, None, Conv2d::square(4, 3)).unwrap();
    let x = b.cvm_right_shift("shift", x, 8, 9).unwrap();
    let x = b.op("abs", Op::Abs, &[x]).unwrap();
    let graph = Arc::new(b.finish(vec![x], Postprocess::None).unwrap());
    let (engine, control) = device(1000);
    let model = engine.prepare(&graph).unwrap();
    let law = CpuEngine::default().prepare(&graph).unwrap();
    for seed in 0..4u8 {
        let input: Vec<u8> = (0..144u8).map(|index| index.wrapping_mul(29).wrapping_add(seed)).collect();
        assert_eq!(model.run(&input).unwrap(), law.run(&input).unwrap());
    }
    assert!(control.lock().unwrap().starts >= 4);
    assert_eq!(engine.faults().load(Ordering::Relaxed), 0);
}
