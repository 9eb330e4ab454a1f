//! Text that others wrote (names of clips, classes, files) made safe for the formats of a report.

use std::fmt::{self, Display, Write};

/// A text as it may stand in HTML, between tags and in quoted attributes.
pub struct Html<T>(pub T);

impl<T: Display> Display for Html<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Replacing { formatter, replacement: html };
        write!(out, "{}", self.0)
    }
}

/// A text as it may stand in a LaTeX table.
pub struct Latex<T>(pub T);

impl<T: Display> Display for Latex<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Replacing { formatter, replacement: latex };
        write!(out, "{}", self.0)
    }
}

/// A text as it may stand in a cell of a Markdown table.
pub struct Markdown<T>(pub T);

impl<T: Display> Display for Markdown<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Replacing { formatter, replacement: markdown };
        write!(out, "{}", self.0)
    }
}

/// Writes with some characters replaced.
struct Replacing<'a, 'b> {
    formatter: &'a mut fmt::Formatter<'b>,
    replacement: fn(char) -> Option<&'static str>,
}

impl Write for Replacing<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            match (self.replacement)(letter) {
                Some(other) => self.formatter.write_str(other)?,
                // Line ends, escapes and what turns the direction of writing would change what is around the text.
                None if letter.is_control() || is_direction(letter) => self.formatter.write_char('\u{fffd}')?,
                None => self.formatter.write_char(letter)?,
            }
        }
        Ok(())
    }
}

fn is_direction(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

fn html(letter: char) -> Option<&'static str> {
    Some(match letter {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => "&#39;",
        _ => return None,
    })
}

fn latex(letter: char) -> Option<&'static str> {
    Some(match letter {
        '\\' => "\\textbackslash{}",
        '{' => "\\{",
        '}' => "\\}",
        '$' => "\\$",
        '&' => "\\&",
        '#' => "\\#",
        '%' => "\\%",
        '_' => "\\_",
        '^' => "\\textasciicircum{}",
        '~' => "\\textasciitilde{}",
        '<' => "\\textless{}",
        '>' => "\\textgreater{}",
        '|' => "\\textbar{}",
        '"' => "\\textquotedbl{}",
        '≥' => "$\\geq$",
        '≤' => "$\\leq$",
        '−' => "$-$",
        '–' => "--",
        '×' => "$\\times$",
        '·' => "$\\cdot$",
        'δ' => "$\\delta$",
        '½' => "\\textonehalf{}",
        _ => return None,
    })
}

fn markdown(letter: char) -> Option<&'static str> {
    Some(match letter {
        '\\' => "\\\\",
        '`' => "\\`",
        '*' => "\\*",
        '_' => "\\_",
        '[' => "\\[",
        ']' => "\\]",
        '<' => "&lt;",
        '>' => "&gt;",
        '&' => "&amp;",
        '|' => "\\|",
        '~' => "\\~",
        '$' => "\\$",
        _ => return None,
    })
}

/// A share as the papers print it: in percent with two decimals; a dash where it does not exist.
pub fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.2}", share * 100.0) } else { "–".into() }
}

/// A share in percent with one decimal, for intervals and pictures.
pub fn short_percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1}", share * 100.0) } else { "–".into() }
}

/// A number with three decimals; a dash where it does not exist.
pub fn decimal(value: f64) -> String {
    if value.is_finite() { format!("{value:.3}") } else { "–".into() }
}

/// A count with thin spaces between thousands.
pub fn count(value: usize) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'&|\n\u{202e}\\input{/etc/passwd}$_%#`";

    #[test]
    fn hostile_names_stay_text() {
        let html = Html(HOSTILE).to_string();
        assert!(!html.contains(['<', '>', '"', '\'', '\n', '\u{202e}']), "{html}");
        let latex = Latex(HOSTILE).to_string();
        assert!(latex.contains("\\textbackslash{}input\\{") && !latex.contains('\n'), "{latex}");
        assert!(!latex.contains("}$_") && latex.contains("\\$\\_\\%\\#"), "{latex}");
        let markdown = Markdown(HOSTILE).to_string();
        assert!(!markdown.contains('<') && markdown.contains("\\|") && !markdown.contains('\n'), "{markdown}");
    }

    #[test]
    fn numbers_are_printed_as_in_the_papers() {
        assert_eq!(
            (percent(0.34567), short_percent(0.5), decimal(f64::NAN)),
            ("34.57".into(), "50.0".into(), "–".into())
        );
        assert_eq!(
            (count(5158), count(10), count(1_234_567)),
            ("5\u{202f}158".into(), "10".into(), "1\u{202f}234\u{202f}567".into())
        );
    }
}
