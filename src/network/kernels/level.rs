//! Which vector instructions the processor has, and which ones are used.

use std::cell::Cell;
use std::sync::OnceLock;

/// A set of vector instructions that kernels exist for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Plain Rust.
    Portable,
    /// NEON (64-bit ARM).
    Neon,
    /// AVX2 with FMA.
    Avx2,
    /// AVX-512F.
    Avx512,
}

/// Names a level that is used instead of the best one: `portable`, `neon`, `avx2` or `avx512`.
const VARIABLE: &str = "SONOLENS_SIMD";

thread_local! {
    static FORCED: Cell<Option<Level>> = const { Cell::new(None) };
}

impl Level {
    /// The levels that this processor has, the best one last.
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self::Portable];
        #[cfg(target_arch = "aarch64")]
        levels.push(Self::Neon);
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                levels.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f") {
                levels.push(Self::Avx512);
            }
        }
        levels
    }

    /// The level that newly built layers use: the best one, or the one named by `SONOLENS_SIMD` if the processor
    /// has it.
    pub fn current() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        FORCED.get().unwrap_or_else(|| {
            *BEST.get_or_init(|| {
                let available = Self::available();
                let named = std::env::var(VARIABLE).ok();
                let chosen = available.iter().find(|level| named.as_deref() == Some(level.name()));
                chosen.or(available.last()).copied().unwrap_or(Self::Portable)
            })
        })
    }

    /// Builds something with another level than the current one, which must be available.
    pub fn force<R>(self, build: impl FnOnce() -> R) -> R {
        let usable = if Self::available().contains(&self) { self } else { Self::Portable };
        let before = FORCED.replace(Some(usable));
        let built = build();
        FORCED.set(before);
        built
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}
