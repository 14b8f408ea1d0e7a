//! Which device, from the environment or a file.

use std::fs;
use std::sync::LazyLock;

use myelin_cpu::{Options, Path};
use myelin_infer::{CpuEngine, GuardedEngine};

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
        let options = options(setting("MYELIN_DEVICE", "device"), setting("MYELIN_THREADS", "threads"));
        GuardedEngine::new(CpuEngine::new(options), CpuEngine::portable())
    });
    &ENGINE
}

fn options(device: Option<String>, threads: Option<String>) -> Options {
    let device = device.unwrap_or_else(|| "cpu".to_owned());
    let path = match device.strip_prefix("cpu:").map(str::parse::<Path>) {
        Some(Ok(path)) if path.is_available() => Some(path),
        None if device == "cpu" => None,
        _ => {
            complain(&format!("device {device:?} is not known or not on this machine: using cpu"));
            None
        }
    };
    let threads = threads.map_or(1, |text| match text.parse() {
        Ok(count) if (1..=THREADS_MAX).contains(&count) => count,
        _ => {
            complain(&format!("threads {text:?} is no number from 1 to {THREADS_MAX}: using 1"));
            1
        }
    });
    Options { threads, path }
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
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_nonsense_falls_back() {
        let file = "# device = none\ndevice = cpu:scalar # portable\n\nthreads=2\nthreads = 3\njunk";
        assert_eq!(in_file(file, "device"), Some("cpu:scalar"));
        assert_eq!(in_file(file, "threads"), Some("3"));
        assert_eq!(in_file(file, "other"), None);
        let text = |text: &str| Some(text.to_owned());
        let scalar = Options { threads: 3, path: Some(Path::Scalar) };
        assert_eq!(options(text("cpu:scalar"), text("3")), scalar);
        let fallback = Options { threads: 1, path: None };
        assert_eq!(options(None, None), fallback);
        assert_eq!(options(text("xdma:0000:01:00.0"), text("0")), fallback);
        assert_eq!(options(text("cpu:mmx"), text("many")), fallback);
    }
}
