//! CLIP's tokenizer: lower-cased byte-pair encoding.

use std::collections::HashMap;
use std::io::Read;
use std::sync::OnceLock;

use super::letters::{is_letter, is_number};
use crate::localizers::{LocalizerError, Result};

/// Tokens that a prompt may have, with its first and last.
pub const CONTEXT_LENGTH: usize = 77;
const START: u32 = 49406;
const END: u32 = 49407;
/// Merges that CLIP uses of the file: its vocabulary less the byte symbols and the two special tokens.
const MERGES: usize = 49152 - 256 - 2;

static VOCABULARY_FILE: &[u8] = include_bytes!("../../../assets/clip/bpe_simple_vocab_16e6.txt.gz");

/// CLIP's vocabulary, ready to encode.
pub struct Tokenizer {
    /// A symbol's id; the last symbol of a word ends in `</w>`.
    ids: HashMap<String, u32>,
    /// Which merge comes first, by the two symbols that it joins.
    ranks: HashMap<(String, String), usize>,
    /// The character that stands for a byte in symbols.
    letters: [char; 256],
}

impl Tokenizer {
    /// The vocabulary that CLIP was published with.
    ///
    /// # Errors
    /// Only if the program was built with a damaged file.
    pub fn published() -> Result<&'static Self> {
        static TOKENIZER: OnceLock<Option<Tokenizer>> = OnceLock::new();
        let damaged = || LocalizerError::Network { message: "the vocabulary of CLIP is damaged".into() };
        TOKENIZER.get_or_init(Self::read).as_ref().ok_or_else(damaged)
    }

    fn read() -> Option<Self> {
        let mut text = String::new();
        flate2::read::GzDecoder::new(VOCABULARY_FILE).read_to_string(&mut text).ok()?;
        let merges: Vec<(String, String)> = text
            .lines()
            .skip(1)
            .take(MERGES)
            .map(|line| line.split_once(' ').map(|(left, right)| (left.to_owned(), right.to_owned())))
            .collect::<Option<_>>()?;
        let (letters, order) = byte_letters();
        let mut ids = HashMap::new();
        for ending in ["", "</w>"] {
            for &byte in &order {
                ids.insert(format!("{}{ending}", letters[usize::from(byte)]), ids.len() as u32);
            }
        }
        for (left, right) in &merges {
            ids.insert(format!("{left}{right}"), ids.len() as u32);
        }
        ids.insert("<|startoftext|>".to_owned(), START);
        ids.insert("<|endoftext|>".to_owned(), END);
        let ranks = merges.into_iter().enumerate().map(|(rank, pair)| (pair, rank)).collect();
        Some(Self { ids, ranks, letters })
    }

    /// The ids of a text between start and end of text, not padded (the padding cannot change CLIP's answer).
    ///
    /// # Errors
    /// More than [`CONTEXT_LENGTH`] tokens.
    pub fn tokenize(&self, text: &str) -> Result<Vec<u32>> {
        let mut tokens = vec![START];
        tokens.extend(self.encode(text));
        tokens.push(END);
        if tokens.len() > CONTEXT_LENGTH {
            return Err(LocalizerError::TextTooLong { tokens: tokens.len(), limit: CONTEXT_LENGTH });
        }
        Ok(tokens)
    }

    /// The ids of a text alone.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let text = cleaned(text);
        let mut ids = Vec::new();
        for piece in pieces(&text) {
            if let Some(&id) = self.ids.get(piece).filter(|_| SPECIAL.contains(&piece)) {
                ids.push(id);
                continue;
            }
            let mut symbols: Vec<String> =
                piece.bytes().map(|byte| self.letters[usize::from(byte)].to_string()).collect();
            if let Some(last) = symbols.last_mut() {
                last.push_str("</w>");
            }
            self.merge(&mut symbols);
            ids.extend(symbols.iter().filter_map(|symbol| self.ids.get(symbol)));
        }
        ids
    }

    /// Joins the pair that comes first among the merges, everywhere, until none is left to join.
    fn merge(&self, symbols: &mut Vec<String>) {
        let rank = |pair: &[String]| self.ranks.get(&(pair[0].clone(), pair[1].clone())).copied();
        while let Some(best) = symbols.windows(2).filter_map(rank).min() {
            let mut joined: Vec<String> = Vec::with_capacity(symbols.len());
            let mut index = 0;
            while index < symbols.len() {
                if index + 1 < symbols.len() && rank(&symbols[index..index + 2]) == Some(best) {
                    joined.push(format!("{}{}", symbols[index], symbols[index + 1]));
                    index += 2;
                } else {
                    joined.push(symbols[index].clone());
                    index += 1;
                }
            }
            *symbols = joined;
        }
    }
}

/// The printable stand-in of every byte, and the bytes in the order of the vocabulary.
fn byte_letters() -> ([char; 256], Vec<u8>) {
    let mut letters = ['\0'; 256];
    let mut order: Vec<u8> = (33..=126).chain(161..=172).chain(174..=255).collect();
    for &byte in &order {
        letters[usize::from(byte)] = char::from(byte);
    }
    let others: Vec<u8> = (0..=255).filter(|byte| !order.contains(byte)).collect();
    for (&byte, letter) in others.iter().zip('\u{100}'..) {
        letters[usize::from(byte)] = letter;
    }
    order.extend(others);
    (letters, order)
}

const SPECIAL: [&str; 2] = ["<|startoftext|>", "<|endoftext|>"];
const CONTRACTIONS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

/// The pieces that are encoded each for itself: special tokens, English contractions, runs of letters, single digits,
/// runs of anything else that is not space.
fn pieces(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let fixed = SPECIAL.iter().chain(&CONTRACTIONS).find(|start| rest.starts_with(**start));
        let run = |belongs: &dyn Fn(char) -> bool| rest.find(|c: char| !belongs(c)).unwrap_or(rest.len());
        let length = match fixed {
            Some(start) => start.len(),
            None if first.is_whitespace() => {
                rest = &rest[first.len_utf8()..];
                continue;
            }
            None if is_letter(first) => run(&is_letter),
            None if is_number(first) => first.len_utf8(),
            None => run(&|c| !c.is_whitespace() && !is_letter(c) && !is_number(c)),
        };
        found.push(&rest[..length]);
        rest = &rest[length..];
    }
    found
}

/// The text as CLIP's `basic_clean` and `whitespace_clean` leave it, lower-cased: entities resolved twice, typographic
/// quotes and Latin ligatures spelled plainly, runs of space made one. Of ftfy's repairs these are done; text that was
/// decoded with the wrong character set is not recognized.
fn cleaned(text: &str) -> String {
    let plain: String = text.chars().map(plain_spelling).collect();
    let resolved = unescaped(&unescaped(&plain));
    resolved.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn plain_spelling(c: char) -> std::borrow::Cow<'static, str> {
    match c {
        '\u{2018}'..='\u{201b}' => "'".into(),
        '\u{201c}'..='\u{201f}' => "\"".into(),
        'ﬀ' => "ff".into(),
        'ﬁ' => "fi".into(),
        'ﬂ' => "fl".into(),
        'ﬃ' => "ffi".into(),
        'ﬄ' => "ffl".into(),
        'ﬅ' => "ſt".into(),
        'ﬆ' => "st".into(),
        other => other.to_string().into(),
    }
}

/// Character references made characters: numeric ones and the usual names.
fn unescaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        result.push_str(&rest[..start]);
        rest = &rest[start..];
        let reference = rest.find(';').filter(|&end| end <= 12).map(|end| &rest[1..end]);
        match reference.and_then(referenced) {
            Some(character) => {
                result.push(character);
                rest = &rest[reference.map_or(0, str::len) + 2..];
            }
            None => {
                result.push('&');
                rest = &rest[1..];
            }
        }
    }
    result + rest
}

fn referenced(reference: &str) -> Option<char> {
    if let Some(number) = reference.strip_prefix('#') {
        let hexadecimal = number.strip_prefix(['x', 'X']);
        let code = hexadecimal.map_or_else(|| number.parse(), |digits| u32::from_str_radix(digits, 16)).ok()?;
        return char::from_u32(code);
    }
    Some(match reference {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "hellip" => '…',
        "ndash" => '–',
        "mdash" => '—',
        "eacute" => 'é',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_split_as_the_expression_does() {
        assert_eq!(pieces("don't 42!? <|endoftext|>café"), ["don", "'t", "4", "2", "!?", "<|endoftext|>", "café"]);
        // Vowel signs of Indic scripts are marks, not letters.
        assert_eq!(pieces("हिन्दी"), ["ह", "ि", "न", "्", "द", "ी"]);
    }

    #[test]
    fn a_long_text_is_refused_with_its_length() {
        let error = Tokenizer::published().unwrap().tokenize(&"fox ".repeat(80)).unwrap_err();
        assert!(matches!(error, LocalizerError::TextTooLong { tokens: 82, limit: 77 }), "{error}");
    }

    #[test]
    fn hostile_text_is_only_text() {
        for text in ["&", "&;", "&#x110000;", "&#999999999999;", "\u{0}", "&amp", "&#xD800;"] {
            Tokenizer::published().unwrap().encode(text);
        }
    }
}
