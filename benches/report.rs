//! The rows that `benches/compare` gathers into one table.

/// Prints what was measured, our figure, whom it is compared with and the peer's figure, and how they compare.
pub fn row(what: &str, ours: &str, peer: &str, compared: &str) {
    println!("| {what} | {ours} | {peer} | {compared} |");
}
