//! The instruction sets there are kernels for, and which of them this machine has.

use crate::Error;
use std::fmt;
use std::str::FromStr;

/// Environment variable that forces a path by its name.
pub const PATH_VARIABLE: &str = "MYELIN_CPU_PATH";

/// A set of kernels. Every path gives the same answers to the bit; they differ in speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Path {
    /// Portable Rust, no instructions beyond the target's baseline.
    Scalar,
    /// ARM NEON (aarch64): widening multiplies and pairwise accumulation.
    Neon,
    /// x86-64 AVX2: the sign trick, exact because weights never hold -128.
    Avx2,
    /// x86-64 AVX-VNNI: 256-bit dot products.
    AvxVnni,
    /// x86-64 AVX-512 VNNI: 512-bit dot products.
    Avx512Vnni,
    /// x86-64 AMX: 16x16 tiles of dot products.
    Amx,
}

impl Path {
    /// All paths, slowest first.
    pub const ALL: [Path; 6] = [Path::Scalar, Path::Neon, Path::Avx2, Path::AvxVnni, Path::Avx512Vnni, Path::Amx];

    /// The name, as in [`PATH_VARIABLE`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avx-vnni",
            Self::Avx512Vnni => "avx512-vnni",
            Self::Amx => "amx",
        }
    }

    /// Whether this machine, and its operating system, can run it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => has_avx512_vnni(),
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Self::Amx => has_avx512_vnni() && crate::kernel::amx::is_permitted(),
            #[allow(unreachable_patterns, reason = "on some targets every path has an arm above")]
            _ => false,
        }
    }

    /// The paths this machine can run, slowest first.
    pub fn available() -> Vec<Path> {
        Self::ALL.into_iter().filter(|path| path.is_available()).collect()
    }

    /// The fastest path this machine can run.
    pub fn fastest() -> Path {
        *Self::available().last().expect("invariant: the scalar path is always available")
    }

    /// The path that [`PATH_VARIABLE`] names; `None` if it is not set.
    ///
    /// **Errors.** [`Error::PathName`].
    pub fn from_environment() -> Result<Option<Path>, Error> {
        match std::env::var(PATH_VARIABLE) {
            Ok(name) if !name.is_empty() => name.parse().map(Some),
            _ => Ok(None),
        }
    }

    /// `path`, or else the environment's, or else the fastest, if this machine can run it.
    pub(crate) fn choose(path: Option<Path>) -> Result<Path, Error> {
        let wanted = match path {
            Some(path) => Some(path),
            None => Self::from_environment()?,
        };
        wanted.unwrap_or_else(Self::fastest).checked()
    }

    /// Itself, if this machine can run it.
    ///
    /// **Errors.** [`Error::PathUnavailable`].
    pub fn checked(self) -> Result<Path, Error> {
        if self.is_available() {
            return Ok(self);
        }
        Err(Error::PathUnavailable { path: self, available: names(&Self::available()) })
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512_vnni() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni")
}

fn names(paths: &[Path]) -> String {
    paths.iter().map(|path| path.name()).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Path {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|path| path.name() == name).ok_or_else(|| Error::PathName {
            variable: PATH_VARIABLE,
            found: name.to_owned(),
            expected: names(&Self::ALL),
        })
    }
}

/// Instructions the compiler may use in plain loops of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isa {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// Those of a path.
    pub(crate) fn of(path: Path) -> Self {
        match path {
            Path::Scalar | Path::Neon => Self::Baseline,
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 | Path::AvxVnni => Self::Avx2,
            #[cfg(target_arch = "x86_64")]
            Path::Avx512Vnni | Path::Amx => Self::Avx512,
            #[cfg(not(target_arch = "x86_64"))]
            _ => Self::Baseline,
        }
    }
}

/// Defines a function compiled once for each [`Isa`] and a dispatcher of the same signature with the
/// `Isa` first.
macro_rules! for_each_isa {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? = $inner:path) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments, reason = "the arguments of the loop inside")]
        $vis fn $name(isa: $crate::path::Isa, $($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            #[allow(clippy::too_many_arguments, reason = "as above")]
            fn avx2($($arg: $ty),*) $(-> $ret)? {
                $inner($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
            #[allow(clippy::too_many_arguments, reason = "as above")]
            fn avx512($($arg: $ty),*) $(-> $ret)? {
                $inner($($arg),*)
            }
            match isa {
                $crate::path::Isa::Baseline => $inner($($arg),*),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a path is chosen only where its instructions were detected.
                $crate::path::Isa::Avx2 => unsafe { avx2($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                $crate::path::Isa::Avx512 => unsafe { avx512($($arg),*) },
            }
        }
    };
}
pub(crate) use for_each_isa;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for path in Path::ALL {
            assert_eq!(path.name().parse::<Path>(), Ok(path));
        }
        assert!(matches!("sse9".parse::<Path>(), Err(Error::PathName { .. })));
    }

    #[test]
    fn scalar_is_always_available_and_neon_never_beside_avx() {
        assert!(Path::Scalar.is_available());
        assert!(!(Path::Neon.is_available() && Path::Avx2.is_available()));
    }
}
