//! Functions that give the same bits on every machine: only sums, products, quotients and roots, which IEEE 754 fixes.
//!
//! The functions of the system's mathematics library differ in the last bit from version to version and from processor
//! to processor; clips must not.

/// Adding and taking away this number rounds an f64 to a whole one.
const ROUNDS: f64 = 6_755_399_441_055_744.0;
/// The same for f32.
const ROUNDS_F32: f32 = 12_582_912.0;

/// The sine of a full circle's `turns`, to about 1e-7.
pub fn sine(turns: f64) -> f32 {
    let whole = (turns + ROUNDS) - ROUNDS;
    quarter_sine((turns - whole) as f32)
}

/// The cosine of a full circle's `turns`.
pub fn cosine(turns: f64) -> f32 {
    sine(turns + 0.25)
}

/// [`sine`] of small numbers, quicker.
pub fn sine_f32(turns: f32) -> f32 {
    let whole = (turns + ROUNDS_F32) - ROUNDS_F32;
    quarter_sine(turns - whole)
}

/// Of −0.5 to 0.5 turns: folded to a quarter, then the series.
fn quarter_sine(turns: f32) -> f32 {
    let folded = if turns > 0.25 {
        0.5 - turns
    } else if turns < -0.25 {
        -0.5 - turns
    } else {
        turns
    };
    let angle = folded * std::f32::consts::TAU;
    let square = angle * angle;
    let series = 1.0
        - square / 6.0 * (1.0 - square / 20.0 * (1.0 - square / 42.0 * (1.0 - square / 72.0 * (1.0 - square / 110.0))));
    angle * series
}

/// 2 to the power of `value`, to about 1e-7 of itself; 0 below −126.
pub fn power_of_two(value: f32) -> f32 {
    if value < -126.0 {
        return 0.0;
    }
    let value = value.min(127.0);
    let whole = (value + ROUNDS_F32) - ROUNDS_F32;
    let rest = (value - whole) * std::f32::consts::LN_2;
    let series = 1.0
        + rest * (1.0 + rest / 2.0 * (1.0 + rest / 3.0 * (1.0 + rest / 4.0 * (1.0 + rest / 5.0 * (1.0 + rest / 6.0)))));
    series * f32::from_bits(((whole as i32 + 127) as u32) << 23)
}

/// What is left of 1 after `secs` when it falls by 60 dB in `fades_secs`.
pub fn faded(secs: f32, fades_secs: f32) -> f32 {
    /// The binary logarithm of a thousand, which is 60 dB.
    const SIXTY_DECIBELS: f32 = 9.965_784;
    power_of_two(-SIXTY_DECIBELS * secs / fades_secs)
}

/// A number of semitones as a ratio of frequencies.
pub fn semitones(count: f32) -> f32 {
    power_of_two(count / 12.0)
}

/// The length of (x, y).
pub fn length(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

/// 0 before `from`, 1 after `to`, smooth between.
pub fn smooth_step(from: f32, to: f32, value: f32) -> f32 {
    let share = ((value - from) / (to - from)).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

/// The point `share` of the way from one number to another.
pub fn between(from: f32, to: f32, share: f32) -> f32 {
    from + (to - from) * share
}

/// Numbers that look random and are the same each time.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that depend on every one of the numbers.
    pub fn of(numbers: &[u64]) -> Self {
        let mut dice = Self(0x0005_eed0_f505_7a9e);
        for number in numbers {
            dice.0 ^= number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            dice.0 = dice.next();
        }
        dice
    }

    /// Dice of their own for a part, so that a change in one part leaves the others alone.
    pub fn part(&self, name: u64) -> Self {
        Self::of(&[self.0, name])
    }

    /// SplitMix64 (Steele, Lea and Flood 2014).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 to before 1.
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 24) as f32
    }

    pub fn within(&mut self, from: f32, to: f32) -> f32 {
        between(from, to, self.unit())
    }

    pub fn chance(&mut self, of: f32) -> bool {
        self.unit() < of
    }

    /// A whole number below `count` (0 for a count of 0).
    pub fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f32) as usize).min(count.saturating_sub(1))
    }

    pub fn pick<T: Copy, const COUNT: usize>(&mut self, from: &[T; COUNT]) -> T {
        const { assert!(COUNT > 0) };
        from[self.below(COUNT)]
    }

    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last + 1));
        }
    }
}

/// White noise, −1 to 1: quick, for sound.
#[derive(Clone, Debug)]
pub struct Noise(u32);

impl Noise {
    pub fn of(dice: &mut Dice) -> Self {
        Self((dice.next() >> 32) as u32)
    }

    #[inline]
    pub fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as f32 / (1u32 << 23) as f32 - 1.0
    }
}

/// A number between 0 and 1 for each point of a grid, the same each time.
pub fn lattice(x: i32, y: i32, seed: u32) -> f32 {
    let mut bits = x.cast_unsigned().wrapping_mul(0x9e37_79b1) ^ y.cast_unsigned().wrapping_mul(0x85eb_ca77) ^ seed;
    bits = (bits ^ (bits >> 16)).wrapping_mul(0x7feb_352d);
    bits = (bits ^ (bits >> 15)).wrapping_mul(0x846c_a68b);
    ((bits ^ (bits >> 16)) >> 8) as f32 / (1u32 << 24) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_agree_with_the_mathematics_library() {
        for step in -4000..4000 {
            let value = f64::from(step) * 0.013_7;
            let exact = (value * std::f64::consts::TAU).sin();
            assert!((f64::from(sine(value)) - exact).abs() < 4e-7, "sine of {value} turns");
            assert!((f64::from(sine_f32(value as f32)) - exact).abs() < 4e-5, "quick sine of {value} turns");
            let power = f64::from(power_of_two(value as f32)) / value.clamp(-126.0, 127.0).exp2();
            assert!((power - 1.0).abs() < 4e-6, "2 to the power of {value}");
        }
        assert_eq!(power_of_two(-500.0), 0.0);
        assert!((faded(1.0, 2.0) - 0.031_622_8).abs() < 1e-6);
    }

    #[test]
    fn dice_are_fair_and_depend_on_all_of_their_seed() {
        let mut dice = Dice::of(&[1, 2]);
        let mean = (0..4000).map(|_| dice.unit()).sum::<f32>() / 4000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        let first = |numbers: &[u64]| Dice::of(numbers).unit();
        assert_ne!(first(&[1, 2]), first(&[2, 1]));
        assert_ne!(first(&[1, 2]), first(&[1, 3]));
        assert_eq!(first(&[7]), first(&[7]));
        assert!((0..100).all(|_| dice.below(3) < 3));
    }
}
