//! The rows that `benches/compare` gathers into one table.

/// Prints how long something takes us and whatever it is compared with, and how many times ours goes into theirs.
pub fn row(what: &str, ours_ms: f64, compared_with: &str, theirs_ms: f64) {
    let ratio = theirs_ms / ours_ms;
    let ratio = if ratio < 1000.0 { format!("{ratio:.2} ×") } else { "over 1000 ×".into() };
    println!("| {what} | {} | {compared_with}, {} | {ratio} |", ms(ours_ms), ms(theirs_ms));
}

fn ms(value: f64) -> String {
    match value {
        ..0.1 => format!("{:.1} µs", value * 1e3),
        ..10.0 => format!("{value:.2} ms"),
        _ => format!("{value:.0} ms"),
    }
}
