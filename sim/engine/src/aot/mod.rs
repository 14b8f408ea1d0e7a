//! The ahead-of-time backend: writes Rust, has the installed `rustc` compile it for this very
//! machine, and loads the result.
//!
//! The libraries are kept in `$MYELIN_CACHE_DIR`, or `myelin` in `$XDG_CACHE_HOME` or `~/.cache`,
//! under a hash of source and compiler, so a design is compiled once. The source uses the standard
//! library's portable vectors, which the compiler calls unstable: `RUSTC_BOOTSTRAP=1` tells it to allow
//! them. A compiler that refuses gets the same tasks in the stable language, lane by lane, and makes of
//! them what vectors it can.

mod scalar;
mod text;
mod vector;

use std::ffi::{CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use myelin_hdl::Digest;

use crate::native::Source;

/// A loaded library.
pub(crate) struct Library {
    handle: *mut c_void,
    edge: unsafe extern "C" fn(*mut u8),
}

// SAFETY: the library has no state of its own; its function touches only the buffer it is given.
unsafe impl Send for Library {}
// SAFETY: as above; the handle is used when it is dropped only.
unsafe impl Sync for Library {}

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlclose(handle: *mut c_void) -> c_int;
}

/// Bind all symbols when loading.
const RTLD_NOW: c_int = 2;

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: the handle came from dlopen and is closed once; the function pointer is private and goes with it.
        unsafe { dlclose(self.handle) };
    }
}

impl Library {
    /// Runs, in order, the tasks that must run.
    ///
    /// # Safety
    /// `state` points to a buffer of the layout the code was made for, of at least its length.
    pub(crate) unsafe fn run(&self, state: *mut u8) {
        // SAFETY: the caller keeps this function's contract, which is the library's.
        unsafe { (self.edge)(state) };
    }
}

/// Compiles a program, or finds it compiled.
pub(crate) fn compile(source: Source<'_>) -> Result<Library, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version =
        Command::new(&rustc).arg("-vV").output().map_err(|error| format!("run {}: {error}", rustc.display()))?;
    let folder = cache_folder()?;
    let made = |lanes: Option<usize>| {
        let text = text::program(source, lanes);
        let name = Digest::of(&(&text, &version.stdout, machine())).to_string();
        let library = folder.join(format!("{name}.so"));
        if library.exists() {
            Ok(library)
        } else {
            build(&rustc, lanes, (&folder, &name), &text, &library).map(|()| library)
        }
    };
    let library = match made(Some(vector_lanes())) {
        Ok(library) => library,
        Err(refused) => made(None).map_err(|reason| format!("{refused}; and without vectors: {reason}"))?,
    };
    load(&library)
}

/// Lanes of which a vector of 32-bit elements takes four registers at most.
fn vector_lanes() -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        if std::is_x86_feature_detected!("avx512bw") {
            return 64;
        }
        if std::is_x86_feature_detected!("avx2") {
            return 32;
        }
    }
    16
}

/// What tells machines apart that may share a cache.
fn machine() -> String {
    std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| text.lines().find(|line| line.starts_with("flags")).map(str::to_owned))
        .unwrap_or_default()
}

fn cache_folder() -> Result<PathBuf, String> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = variable("MYELIN_CACHE_DIR")
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("myelin")))
        .or_else(|| variable("HOME").map(|folder| folder.join(".cache/myelin")))
        .unwrap_or_else(|| std::env::temp_dir().join("myelin"));
    std::fs::create_dir_all(&folder).map_err(|error| format!("make folder {}: {error}", folder.display()))?;
    Ok(folder)
}

/// Compiles a text into a library. `lanes` tells whether it has vectors.
fn build(
    rustc: &std::ffi::OsStr,
    lanes: Option<usize>,
    (folder, name): (&Path, &str),
    text: &str,
    library: &Path,
) -> Result<(), String> {
    // Others may build the same: each writes files of its own, and the last rename wins.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let own = format!("{name}.{}.{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let (input, output) = (folder.join(format!("{own}.rs")), folder.join(format!("{own}.so")));
    let failed = |what: &str, error: std::io::Error| format!("{what} {}: {error}", folder.display());
    std::fs::write(&input, text).map_err(|error| failed("write source into", error))?;
    let mut command = Command::new(rustc);
    if lanes.is_some() {
        command.env("RUSTC_BOOTSTRAP", "1");
    }
    let result = command
        .args(["--edition=2024", "--crate-type=cdylib", "--crate-name=myelin_design"])
        .args(["-Copt-level=3", "-Ctarget-cpu=native", "-Cpanic=abort", "-Cdebuginfo=0", "-Ccodegen-units=1"])
        .arg("-o")
        .arg(&output)
        .arg(&input)
        .output()
        .map_err(|error| failed("run rustc in", error))?;
    if !result.status.success() {
        let message = String::from_utf8_lossy(&result.stderr);
        let first: String = message.lines().take(20).collect::<Vec<_>>().join("\n");
        return Err(format!("rustc refused {}: {first}", input.display()));
    }
    // Only a convenience: a source left behind harms nobody.
    let _ = std::fs::remove_file(&input);
    std::fs::rename(&output, library).map_err(|error| failed("rename library in", error))
}

fn load(library: &Path) -> Result<Library, String> {
    let refused = || format!("load {}", library.display());
    let path = CString::new(library.as_os_str().as_encoded_bytes()).map_err(|_| refused())?;
    // SAFETY: the path is a C string; the library has no initialisers.
    let handle = unsafe { dlopen(path.as_ptr(), RTLD_NOW) };
    if handle.is_null() {
        return Err(refused());
    }
    // SAFETY: the handle was just opened, the name is a C string.
    let symbol = unsafe { dlsym(handle, c"edge".as_ptr()) };
    if symbol.is_null() {
        // SAFETY: the handle was just opened and is used no more.
        unsafe { dlclose(handle) };
        return Err(refused());
    }
    // SAFETY: the symbol is the function of this signature that the source defines.
    let edge = unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut u8)>(symbol) };
    Ok(Library { handle, edge })
}
