//! What the program has to say: a log that can be read again and copied, and the newest line in the status bar.

use std::time::Instant;

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Info,
    Warning,
    Error,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Notice {
    pub severity: Severity,
    pub text: String,
    pub at: Instant,
    /// How often in a row it was said.
    pub times: usize,
}

/// The log, bounded; the same words in a row are one entry with a count.
#[derive(Default)]
pub struct Notices {
    entries: Vec<Notice>,
    unseen_errors: usize,
}

/// Older notices than this many are dropped.
const KEPT: usize = 500;
/// How long the status bar shows a notice.
const SHOWN_SECS: f32 = 8.0;

impl Notices {
    pub fn say(&mut self, severity: Severity, text: impl Into<String>) {
        let text = text.into();
        log::log!(
            match severity {
                Severity::Info => log::Level::Info,
                Severity::Warning => log::Level::Warn,
                Severity::Error => log::Level::Error,
            },
            "{text}"
        );
        if severity == Severity::Error {
            self.unseen_errors += 1;
        }
        match self.entries.last_mut() {
            Some(last) if last.text == text && last.severity == severity => {
                last.times += 1;
                last.at = Instant::now();
            }
            _ => self.entries.push(Notice { severity, text, at: Instant::now(), times: 1 }),
        }
        if self.entries.len() > KEPT {
            self.entries.drain(..self.entries.len() - KEPT);
        }
    }

    pub fn info(&mut self, text: impl Into<String>) {
        self.say(Severity::Info, text);
    }

    pub fn warn(&mut self, text: impl Into<String>) {
        self.say(Severity::Warning, text);
    }

    pub fn error(&mut self, text: impl Into<String>) {
        self.say(Severity::Error, text);
    }

    pub fn entries(&self) -> &[Notice] {
        &self.entries
    }

    /// The newest notice while it is fresh; errors stay until the log was looked at.
    pub fn current(&self) -> Option<&Notice> {
        let last = self.entries.last()?;
        let fresh = last.at.elapsed().as_secs_f32() < SHOWN_SECS;
        let pending_error = self.unseen_errors > 0 && last.severity == Severity::Error;
        (fresh || pending_error).then_some(last)
    }

    /// Seconds until the status bar changes by itself.
    pub fn secs_to_change(&self) -> Option<f32> {
        let left = SHOWN_SECS - self.entries.last()?.at.elapsed().as_secs_f32();
        (left > 0.0).then_some(left)
    }

    pub fn unseen_errors(&self) -> usize {
        self.unseen_errors
    }

    pub fn mark_seen(&mut self) {
        self.unseen_errors = 0;
    }

    /// The whole log as text, for the clipboard.
    pub fn text(&self) -> String {
        let lines = self.entries.iter().map(|notice| {
            let times = if notice.times > 1 { format!(" (×{})", notice.times) } else { String::new() };
            format!("{}: {}{times}\n", notice.severity.name(), notice.text)
        });
        lines.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_counted_and_the_log_is_bounded() {
        let mut notices = Notices::default();
        notices.warn("no sound card");
        notices.warn("no sound card");
        assert_eq!(notices.entries().len(), 1);
        assert_eq!(notices.text(), "warning: no sound card (×2)\n");
        for index in 0..600 {
            notices.info(index.to_string());
        }
        assert_eq!(notices.entries().len(), KEPT);
    }

    #[test]
    fn an_error_stays_until_seen() {
        let mut notices = Notices::default();
        notices.error("broken");
        assert_eq!(notices.unseen_errors(), 1);
        notices.mark_seen();
        assert_eq!(notices.unseen_errors(), 0);
        assert!(notices.current().is_some());
    }
}
