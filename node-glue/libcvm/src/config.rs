//! Which devices, from the environment or a file.

use std::fs;
use std::num::NonZeroU32;
use std::sync::LazyLock;

use myelin_cpu::Options;
use myelin_driver::{Link, Selector, StickLink, StickOptions};
use myelin_infer::{CpuEngine, DeviceConfig, DeviceEngine, GuardedEngine};

/// Most threads that can be asked for.
const THREADS_MAX: usize = 1024;
/// Longest configuration file read, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 16;

/// The engine of this process, made on first use.
pub fn engine() -> &'static GuardedEngine {
    static ENGINE: LazyLock<GuardedEngine> = LazyLock::new(|| {
        let file = std::env::var("MYELIN_CONFIG").ok().map_or(String::new(), |path| read(&path));
        let setting = |variable: &str, name: &str| {
            let variable = std::env::var(variable).ok().filter(|value| !value.is_empty());
            variable.or_else(|| in_file(&file, name).map(str::to_owned))
        };
        let device = setting("MYELIN_DEVICE", "device");
        let (threads, check) = (setting("MYELIN_THREADS", "threads"), setting("MYELIN_CHECK_EVERY", "check_every"));
        build(&Settings::new(device, threads, check))
    });
    &ENGINE
}

/// What was asked for, as far as it makes sense.
#[derive(Debug, PartialEq, Eq)]
struct Settings {
    devices: Vec<Selector>,
    threads: usize,
    check_every: NonZeroU32,
}

impl Settings {
    fn new(device: Option<String>, threads: Option<String>, check_every: Option<String>) -> Settings {
        let devices = device.iter().flat_map(|text| text.split_whitespace()).map(device_named).collect();
        let threads = threads.map_or(1, |text| match text.parse() {
            Ok(count) if (1..=THREADS_MAX).contains(&count) => count,
            _ => {
                complain(&format!("threads {text:?} is no number from 1 to {THREADS_MAX}: using 1"));
                1
            }
        });
        let check_every = check_every.map_or(NonZeroU32::MIN, |text| {
            text.parse().unwrap_or_else(|_| {
                complain(&format!("check_every {text:?} is no number from 1: checking every answer"));
                NonZeroU32::MIN
            })
        });
        Settings { devices, threads, check_every }
    }
}

fn device_named(text: &str) -> Selector {
    match text.parse() {
        Ok(Selector::Cpu(Some(path))) if !path.is_available() => {
            complain(&format!("device {text:?} is not on this machine: using cpu"));
            Selector::Cpu(None)
        }
        Ok(Selector::Golden) => {
            complain(&format!("device {text:?} is the reference, not a device: using cpu"));
            Selector::Cpu(None)
        }
        Ok(device) => device,
        Err(error) => {
            complain(&format!("{error}: using cpu"));
            Selector::Cpu(None)
        }
    }
}

/// The devices, the processor at their side and behind all of them the portable code.
fn build(settings: &Settings) -> GuardedEngine {
    let (mut path, mut links) = (None, Vec::new());
    for device in &settings.devices {
        match device {
            Selector::Cpu(found) => path = path.or(*found),
            other => match open(other) {
                Ok(link) => links.push(link),
                Err(reason) => complain(&format!("device \"{other}\": {reason}: going on without it")),
            },
        }
    }
    let processor = CpuEngine::new(Options { threads: settings.threads, path });
    if links.is_empty() {
        return GuardedEngine::new(processor, CpuEngine::portable());
    }
    let config = DeviceConfig { check_every: settings.check_every, ..DeviceConfig::default() };
    let engine = DeviceEngine::of_all(links, processor, config);
    GuardedEngine::of_devices(engine, CpuEngine::portable())
}

/// The link to a device that is not the processor.
fn open(device: &Selector) -> Result<Box<dyn Link>, String> {
    match device {
        #[cfg(feature = "simulation")]
        &Selector::Simulated(target) => {
            use myelin_board::{SimulatedCell, SimulationOptions};
            let cell = SimulatedCell::of_target(target, SimulationOptions::default());
            cell.map(|cell| Box::new(cell) as Box<dyn Link>).map_err(|error| error.to_string())
        }
        Selector::Stick(port) => match StickLink::open(port, StickOptions::default()) {
            Ok(link) => Ok(Box::new(link)),
            Err(error) => Err(error.to_string()),
        },
        _ => Err("not in this build of the library".to_owned()),
    }
}

fn read(path: &str) -> String {
    let length = fs::metadata(path).map(|found| if found.is_file() { found.len() } else { u64::MAX });
    match length.map(|length| length <= FILE_BYTES_MAX) {
        Ok(true) => fs::read_to_string(path).unwrap_or_else(|error| {
            complain(&format!("read {path}: {error}"));
            String::new()
        }),
        Ok(false) => {
            complain(&format!("read {path}: not a file of at most {FILE_BYTES_MAX} bytes"));
            String::new()
        }
        Err(error) => {
            complain(&format!("read {path}: {error}"));
            String::new()
        }
    }
}

/// The value of `name = value`, the last if there are several; `#` begins a remark.
fn in_file<'a>(file: &'a str, name: &str) -> Option<&'a str> {
    let settings = file.lines().rev().map(|line| line.split('#').next().unwrap_or(""));
    let pairs = settings.filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn complain(text: &str) {
    use std::io::Write;
    // A node without standard error does without this.
    let _ = writeln!(std::io::stderr(), "libcvm_runtime (myelin): {text}");
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "Clippy sees tests only in functions marked so")]
mod tests {
    use super::*;
    use myelin_cpu::Path;

    #[test]
    fn settings_are_read_and_nonsense_falls_back() {
        let file = "# device = none\ndevice = cpu:scalar # portable\n\nthreads=2\nthreads = 3\njunk";
        assert_eq!(in_file(file, "device"), Some("cpu:scalar"));
        assert_eq!(in_file(file, "threads"), Some("3"));
        assert_eq!(in_file(file, "other"), None);
        let text = |text: &str| Some(text.to_owned());
        let settings = |devices, threads, check_every: u32| Settings {
            devices,
            threads,
            check_every: check_every.try_into().unwrap(),
        };
        let scalar = Selector::Cpu(Some(Path::Scalar));
        assert_eq!(Settings::new(text("cpu:scalar"), text("3"), text("16")), settings(vec![scalar], 3, 16));
        let cell = "sim:8x8:int6".parse().unwrap();
        assert_eq!(Settings::new(text("sim:8x8:int6"), None, None), settings(vec![cell], 1, 1));
        assert_eq!(Settings::new(None, None, None), settings(vec![], 1, 1));
        let sticks: Vec<Selector> = ["tty:/dev/ttyUSB0", "usb:0403:6015:A1"].map(|text| text.parse().unwrap()).into();
        assert_eq!(Settings::new(text(" tty:/dev/ttyUSB0  usb:0403:6015:A1"), None, None), settings(sticks, 1, 1));
        let fallback = settings(vec![Selector::Cpu(None)], 1, 1);
        for (device, threads, check_every) in
            [("xdma:0000:01:00.0", "0", "0"), ("cpu:mmx", "many", "-1"), ("golden", "1025", "all"), ("sim:3x3", "", "")]
        {
            assert_eq!(Settings::new(text(device), text(threads), text(check_every)), fallback, "{device}");
        }
    }
}
