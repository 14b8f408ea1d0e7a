//! Which instructions are used, chosen when the program runs.

use std::fmt;

/// The instructions a solver uses. All paths find the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Path {
    /// What every machine has.
    Portable,
    /// Four hashes in a vector.
    Avx2,
    /// Eight hashes in a vector.
    Avx512,
}

impl Path {
    /// All, the slowest first.
    pub const ALL: [Path; 3] = [Path::Portable, Path::Avx2, Path::Avx512];

    /// The name in small letters.
    pub fn name(self) -> &'static str {
        match self {
            Path::Portable => "portable",
            Path::Avx2 => "avx2",
            Path::Avx512 => "avx512",
        }
    }

    /// Whether this machine has the instructions.
    pub fn is_available(self) -> bool {
        match self {
            Path::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2"),
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("bmi2")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The paths of this machine, the slowest first.
    pub fn available() -> Vec<Path> {
        Path::ALL.into_iter().filter(|path| path.is_available()).collect()
    }

    /// The fastest path of this machine.
    pub fn fastest() -> Path {
        *Path::available().last().expect("invariant: the portable path is always available")
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Defines a function that is compiled once for each path, and chooses among the three by its first
/// argument.
macro_rules! for_each_path {
    ($(#[$meta:meta])* $vis:vis unsafe fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? = $inner:path) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments, reason = "the arguments of the loop inside")]
        $vis unsafe fn $name(path: $crate::path::Path, $($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
            unsafe fn avx2($($arg: $ty),*) $(-> $ret)? {
                // SAFETY: the caller's contract.
                unsafe { $inner($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,bmi1,bmi2,popcnt,lzcnt")]
            unsafe fn avx512($($arg: $ty),*) $(-> $ret)? {
                // SAFETY: the caller's contract.
                unsafe { $inner($($arg),*) }
            }
            // SAFETY: the caller's contract; a path is chosen only where its instructions were detected.
            unsafe {
                match path {
                    #[cfg(target_arch = "x86_64")]
                    $crate::path::Path::Avx2 => avx2($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::path::Path::Avx512 => avx512($($arg),*),
                    _ => $inner($($arg),*),
                }
            }
        }
    };
}
pub(crate) use for_each_path;
